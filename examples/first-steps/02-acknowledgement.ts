// Two promises side by side: the broker's to the publisher (confirm), the consumer's to the broker (acknowledgement).
import { connect, createConsumer, defineQueue, type ReceivedMessage } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { FaultProxy, startBroker } from '@surehop/testing';

const letters = defineQueue<string>('letters');
const broker = await startBroker();
const vhost = await broker.vhost();
const network = await FaultProxy.start(broker); // the first consumer's way to the broker

const rabbit = await connect({ url: vhost.url() });
await createPublisher(rabbit).publish(letters, 'Dear Ada');
console.log('1. Confirm: the broker says that it has stored the letter. The publisher may forget it.');

const first = await connect({ url: vhost.url(network.port) });
const taken = Promise.withResolvers<ReceivedMessage<string>>();
await createConsumer(first, letters, (message) => new Promise(() => taken.resolve(message)));
console.log(`2. A consumer has taken "${(await taken.promise).body}". It dies before its acknowledgement.`);
await network[Symbol.asyncDispose]();

const again = Promise.withResolvers<ReceivedMessage<string>>();
await createConsumer(rabbit, letters, again.resolve);
console.log(`3. The broker gives it to the next (redelivered: ${(await again.promise).redelivered}), which finishes.`);
await rabbit.close();
console.log(`4. Acknowledgement: only now the broker forgets it. Letters left: ${await vhost.messages('letters')}`);

await first.close({ timeoutMs: 0 });
await broker.close();
