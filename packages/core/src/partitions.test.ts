import { describe, expect, test } from 'vitest';
import { definePartitions } from './partitions.ts';

describe('definePartitions()', () => {
  test('describes queues with a single active consumer each, by its number among them', () => {
    const orders = definePartitions('orders', { partitions: 3, retry: { delaysMs: [5] } });
    expect(orders.queues.map(({ name }) => name)).toEqual(['orders.0-of-3', 'orders.1-of-3', 'orders.2-of-3']);
    for (const queue of orders.queues) {
      expect(queue).toMatchObject({ singleActiveConsumer: true, retry: { delaysMs: [5] }, type: 'quorum' });
    }
  });

  // A key that changed its queue would lose its order: these stay for ever.
  test.each([
    ['a', 'orders.4-of-8'],
    ['customer-42', 'orders.6-of-8'],
    ['ключ', 'orders.1-of-8'],
    [42, 'orders.3-of-8'],
  ])('gives the key %s always the same queue', (key, queue) => {
    const orders = definePartitions('orders', { partitions: 8 });
    expect(orders.queueFor(key).name).toBe(queue);
    expect(orders.queueFor(String(key))).toBe(orders.queueFor(key));
  });

  test('gives each queue its share of many keys', () => {
    const orders = definePartitions('orders', { partitions: 8 });
    const shares = new Map<string, number>();
    for (let key = 0; key < 8_000; key += 1) {
      const { name } = orders.queueFor(`customer-${key}`);
      shares.set(name, (shares.get(name) ?? 0) + 1);
    }
    expect(shares.size).toBe(8);
    for (const share of shares.values()) expect(share).toBeGreaterThan(800);
  });

  test.each([0, 1.5, 1_025])('refuses %s partitions', (partitions) => {
    expect(() => definePartitions('orders', { partitions })).toThrow(/partitions of "orders"/);
  });

  test('refuses to be bound, which would give each partition every message', () => {
    expect(() => definePartitions('orders', { partitions: 2, bindTo: [] } as never)).toThrow(/cannot be bound/);
  });
});
