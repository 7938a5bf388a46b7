// A handler that fails: tried again later, each time after a longer wait, then laid aside where a person finds it.
import { connect, createConsumer, defineQueue, type ReceivedMessage } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { startBroker } from '@surehop/testing';

const letters = defineQueue<string>('letters', { retry: { delaysMs: [200, 1_000] } });
const broker = await startBroker();
const vhost = await broker.vhost();
const rabbit = await connect({ url: vhost.url() });

const startedAt = Date.now();
await createConsumer(rabbit, letters, ({ attempt }) => {
  console.log(`Attempt ${attempt}, ${Date.now() - startedAt} ms after the start, fails.`);
  throw new Error('the printer is out of paper');
});
await createPublisher(rabbit).publish(letters, 'Dear Ada');
console.log('Published. While the letter waits for its next attempt, others are handled.');

const laidAside = Promise.withResolvers<ReceivedMessage<Uint8Array>>();
const deadLetters = { queue: 'letters.dead-letter', raw: true } as const;
await createConsumer(rabbit, deadLetters, laidAside.resolve, { retry: { delaysMs: [] } });
const { content, headers } = await laidAside.promise;
console.log(`In the dead-letter queue: ${Buffer.from(content)}, after ${headers['surehop-attempt']} attempts,`);
console.log(`because: ${headers['surehop-error-message']}. Nothing was lost, and nothing ran hot.`);

await rabbit.close();
await broker.close();
