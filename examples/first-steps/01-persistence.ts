// A message outlives the broker: a durable queue, a persistent message, and a restart before anybody reads it.
import { connect, createConsumer, defineQueue, type ReceivedMessage } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { startBroker } from '@surehop/testing';

const letters = defineQueue<string>('letters');
const broker = await startBroker({ kind: 'node' }); // a private RabbitMQ, which we may stop and start

const sender = await connect({ url: broker.url() });
await createPublisher(sender).publish(letters, 'Dear Ada, this can wait.');
console.log('1. Published: the broker has the letter on disk, in a durable queue.');
await sender.close();

for (const node of broker.nodes) {
  await node.stop();
  console.log('2. The broker is stopped. No process holds the letter any more.');
  await node.start();
  console.log('3. The broker runs again.');
}

const reader = await connect({ url: broker.url() });
const received = Promise.withResolvers<ReceivedMessage<string>>();
await createConsumer(reader, letters, received.resolve);
console.log(`4. Received after the restart: "${(await received.promise).body}"`);

await reader.close();
await broker.close();
