import { defineExchange, defineQueue, type ExchangeContract, type QueueContract } from '@surehop/core';
import { describe, expectTypeOf, test } from 'vitest';
import type { Publisher } from './publisher.ts';
import type { Receipt } from './receipt.ts';

interface Order {
  readonly id: string;
  readonly total: number;
}

type Schema<In, Out> = NonNullable<QueueContract<In, Out>['schema']>;

describe('the types of a publisher', () => {
  // Checked by the compiler; never called.
  test('take what goes into the contract, nothing less and nothing else', () => {
    void ((publisher: Publisher) => {
      const orders = defineQueue<Order>('orders');
      expectTypeOf(publisher.publish(orders, { id: '1', total: 1 })).toEqualTypeOf<Promise<Receipt>>();
      // @ts-expect-error an order has a total
      void publisher.publish(orders, { id: '1' });
      // @ts-expect-error an order's id is a string
      void publisher.publish(orders, { id: 1, total: 1 });
      // @ts-expect-error a delivery mode is not the caller's to choose
      void publisher.publish(orders, { id: '1', total: 1 }, { properties: { deliveryMode: 1 } });
      void publisher.publish(defineExchange<Order>('shop', { type: 'fanout' }), { id: '1', total: 1 });
      void publisher.publish(defineQueue('anything'), Symbol('anything'));
    });
  });

  test('take a schema’s input, not its output', () => {
    void ((publisher: Publisher, schema: Schema<{ total: string }, { total: number }>) => {
      const orders = defineQueue('orders', { schema });
      void publisher.publish(orders, { total: '9.5' });
      // @ts-expect-error a total goes in as a string
      void publisher.publish(orders, { total: 9.5 });
      expectTypeOf(orders).toExtend<QueueContract<{ total: string }, unknown>>();
      expectTypeOf(orders).not.toExtend<ExchangeContract>();
    });
  });

  test('of an answer are its schema’s, or unknown', () => {
    void ((publisher: Publisher, schema: Schema<unknown, Date>) => {
      const orders = defineQueue<Order>('orders');
      const order = { id: '1', total: 1 };
      expectTypeOf(publisher.publishAndWait(orders, order)).toEqualTypeOf<Promise<unknown>>();
      expectTypeOf(publisher.publishAndWait(orders, order, { answer: schema })).toEqualTypeOf<Promise<Date>>();
      // @ts-expect-error the answer comes to a reply queue of its own
      void publisher.publishAndWait(orders, order, { properties: { replyTo: 'mine' } });
      // @ts-expect-error an order has a total
      void publisher.publishAndWait(orders, { id: '1' });
    });
  });
});
