import { defineQueue, type Rabbit } from '@surehop/core';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { createConsumer } from './consumer.ts';
import { resolveConsumerOptions } from './consumer-options.ts';

describe('options', () => {
  test('have the documented defaults', () => {
    expect(resolveConsumerOptions({}, false)).toEqual({
      concurrency: 10,
      prefetch: 10,
      handlerTimeoutMs: 60_000,
      handlerGraceMs: 5_000,
      drainTimeoutMs: 10_000,
      startTimeoutMs: 30_000,
    });
  });

  test('[prefetch] follows the concurrency unless it is given, also below it', () => {
    expect(resolveConsumerOptions({ concurrency: 3 }, false).prefetch).toBe(3);
    expect(resolveConsumerOptions({ concurrency: 3, prefetch: 1 }, false).prefetch).toBe(1);
  });

  test('[retry] is an option of raw queues only', () => {
    expect(() => resolveConsumerOptions({ retry: { delaysMs: [] } }, true)).not.toThrow();
    expect(() => resolveConsumerOptions({ retry: { delaysMs: [] } }, false)).toThrow(/no option "retry"/);
  });
});

test('a handler gets what the contract makes of a body, and bytes from a raw queue', () => {
  const orders = defineQueue<{ total: string }, { total: number }>('orders');
  const never = (): Promise<unknown> => {
    const rabbit = {} as Rabbit;
    void createConsumer(rabbit, { queue: 'legacy', raw: true }, ({ body }) => {
      expectTypeOf(body).toEqualTypeOf<Uint8Array>();
    });
    // @ts-expect-error `retry` is part of the contract
    void createConsumer(rabbit, orders, () => undefined, { retry: { delaysMs: [] } });
    return createConsumer(rabbit, orders, ({ body, attempt, signal }) => {
      expectTypeOf(body).toEqualTypeOf<{ total: number }>();
      expectTypeOf(attempt).toEqualTypeOf<number>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    });
  };
  expectTypeOf(never).returns.toEqualTypeOf<Promise<unknown>>();
});
