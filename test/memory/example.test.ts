import { createConsumer, defineQueue } from '@surehop/consumer';
import { createTestBroker, eventually } from '@surehop/testing';
import { expect, test } from 'vitest';

const orders = defineQueue<number>('orders', { retry: { delaysMs: [1_000, 600_000] } });

test('an order that the bank refuses twice is charged ten minutes later', async () => {
  await using broker = createTestBroker();
  const charged: number[] = [];
  await createConsumer(await broker.connect(), orders, ({ body, attempt }) => {
    if (attempt < 3) throw new Error('the bank does not answer');
    charged.push(body);
  });
  broker.publish('', 'orders', 42);
  await eventually(() => expect(broker.counts('orders.retry.1000').ready).toBe(1));
  await broker.advanceBy(1_000);
  await eventually(() => expect(broker.counts('orders.retry.600000').ready).toBe(1));
  await broker.advanceBy(600_000);
  await eventually(() => expect(charged).toEqual([42]));
  expect(broker.messages('orders.dead-letter')).toEqual([]);
});
