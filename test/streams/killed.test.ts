import { attachBroker } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { killing } from './killing.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

// `npm run streams:killed` kills more, and the broker too.
test('a reader that is killed repeats what it had not saved, skips nothing and keeps the order', async () => {
  await using vhost = await broker.vhost();
  const sizes = { messages: 600, readerDeaths: 1, brokerDeaths: 0, saveEvery: 20 };
  const outcome = await killing({ vhost, ...sizes, timeoutMs: 40_000 });
  expect(outcome).toMatchObject({ published: 600, handled: 600, skipped: 0, isInOrder: true });
  expect(outcome.longestRepetition).toBeLessThan(200);
}, 60_000);
