import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { jsonCodec } from './codec.ts';
import {
  defineExchange,
  defineQueue,
  type ExchangeContract,
  type QueueBinding,
  type QueueContract,
  type QueueOptions,
} from './contract.ts';

const events = defineExchange('events', { type: 'topic' });
const audit = defineExchange('audit', { type: 'fanout' });
const routed = defineExchange('routed', { type: 'headers' });

/** As a caller without types would. */
function loosely(options: unknown): QueueContract {
  return defineQueue('orders', options as QueueOptions);
}

function invalid(text: string): unknown {
  return expect.objectContaining({ code: 'SUREHOP_CONTRACT_INVALID', message: expect.stringContaining(text) });
}

describe('defineQueue()', () => {
  test('a name is enough; everything else has a safe default', () => {
    expect(defineQueue('orders')).toEqual({
      kind: 'queue',
      name: 'orders',
      schema: undefined,
      codec: jsonCodec,
      retry: { delaysMs: [1_000, 10_000, 60_000, 600_000] },
      deliveryLimit: 50,
      type: 'quorum',
      singleActiveConsumer: false,
      bindTo: [],
    });
  });

  test('a contract is frozen, and changing what it was made of changes nothing', () => {
    const headers = { region: 'eu' };
    const bindTo: QueueBinding[] = [{ exchange: routed, headers }];
    const contract = defineQueue('orders', { bindTo });
    bindTo.pop();
    headers.region = 'us';
    expect(contract.bindTo).toEqual([{ exchange: routed, headers: { region: 'eu' } }]);
    for (const part of [contract, contract.retry, contract.bindTo, contract.bindTo[0], contract.bindTo[0]?.headers]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test('[deliveryLimit] a classic queue has none, and cannot be given one', () => {
    expect(defineQueue('orders', { type: 'classic' }).deliveryLimit).toBeUndefined();
    expect(() => loosely({ type: 'classic', deliveryLimit: 5 })).toThrow(invalid('deliveryLimit of queue "orders"'));
  });

  test.each([-1, 0, 1.5, 2 ** 31, '5', null])('[deliveryLimit] refuses %j', (deliveryLimit) => {
    expect(() => loosely({ deliveryLimit })).toThrow(invalid('deliveryLimit of queue "orders" must be an integer in'));
  });

  test.each([
    [{ retries: {} }, 'has no option "retries": did you mean retry?'],
    [{ type: 'stream' }, "type of queue \"orders\" must be one of 'quorum', 'classic', got 'stream'"],
    [{ retry: { delaysMs: [10, 5] } }, 'retry.delaysMs[1]'],
    [{ schema: { parse: () => 1 } }, 'schema of queue "orders" must be a Standard Schema'],
    [{ schema: null }, 'schema of queue "orders" must be a Standard Schema'],
    [{ codec: 'json' }, 'codec of queue "orders" must be an object'],
    [{ codec: { ...jsonCodec, decode: undefined } }, 'codec.decode of queue "orders" must be a function'],
    [{ codec: { ...jsonCodec, contentType: '' } }, 'codec.contentType'],
    [{ bindTo: events }, 'bindTo of queue "orders" must be an array'],
    [null, 'the options of queue "orders" must be an object'],
  ])('refuses %j', (options, text) => {
    expect(() => loosely(options)).toThrow(invalid(text));
  });

  test('refuses a name of which a derived name would be too long, the rung declared for RetryLater included', () => {
    expect(() => defineQueue('a'.repeat(243), { retry: { delaysMs: [] } })).not.toThrow();
    expect(() => defineQueue('a'.repeat(244), { retry: { delaysMs: [] } })).toThrow(invalid('takes 256 bytes'));
    expect(() => defineQueue('a'.repeat(243), { retry: { delaysMs: [100_000] } })).toThrow(invalid('.retry.100000'));
  });
});

describe('[bindTo] what a binding needs depends on its exchange', () => {
  test.each([
    { exchange: events, routingKey: 'order.*' },
    { exchange: events, routingKey: '' },
    { exchange: audit },
    { exchange: routed, headers: { 'x-match': 'any', region: 'eu' } },
  ])('takes $exchange.type with what it needs', (binding) => {
    expect(defineQueue('orders', { bindTo: [binding] }).bindTo).toEqual([binding]);
  });

  test.each([
    [{ exchange: events }, 'routingKey of bindTo[0] of queue "orders" must be a string, got undefined'],
    [{ exchange: events, routingKey: 'a'.repeat(256) }, 'takes 256 bytes'],
    [{ exchange: events, routingKey: 'a', headers: {} }, 'must not have headers: a topic exchange does not look at it'],
    [{ exchange: audit, routingKey: 'a' }, 'must not have routingKey: a fanout exchange does not look at it'],
    [{ exchange: routed }, 'headers of bindTo[0] of queue "orders" is missing'],
    [{ exchange: routed, headers: { 'x-match': 'some' } }, 'x-match in headers of bindTo[0]'],
    [{ exchange: routed, headers: { at: new Date(0) } }, 'header "at" of the binding'],
    [{ exchange: 'events', routingKey: 'a' }, 'must be what defineExchange returned, got string'],
    [{ exchange: defineQueue('a'), routingKey: 'a' }, 'must be what defineExchange returned'],
    [{ exchange: events, routingkey: 'a' }, 'did you mean routingKey?'],
  ])('refuses %j', (binding, text) => {
    expect(() => loosely({ bindTo: [binding] })).toThrow(invalid(text));
  });
});

describe('defineExchange()', () => {
  test('is frozen, plain data', () => {
    const exchange = defineExchange('orders', { type: 'topic', alternate: audit });
    expect(exchange).toEqual({
      kind: 'exchange',
      name: 'orders',
      type: 'topic',
      schema: undefined,
      codec: jsonCodec,
      alternate: audit,
    });
    expect(Object.isFrozen(exchange)).toBe(true);
  });

  test.each([
    [{}, 'type of exchange "orders"'],
    [{ type: 'x-delayed-message' }, 'type of exchange "orders" must be one of'],
    [{ type: 'topic', alternate: 'audit' }, 'alternate of exchange "orders" must be what defineExchange returned'],
    [{ type: 'topic', durable: true }, 'has no option "durable"'],
    [undefined, 'the options of exchange "orders" must be an object'],
  ])('refuses %j', (options, text) => {
    expect(() => defineExchange('orders', options as never)).toThrow(invalid(text));
  });
});

describe('types', () => {
  test('a schema gives the type that is published and the one that is consumed', () => {
    const contract = defineQueue('orders', { schema: z.object({ total: z.string().transform(Number) }) });
    expectTypeOf(contract).toEqualTypeOf<QueueContract<{ total: string }, { total: number }>>();
    const exchange = defineExchange('orders', { type: 'topic', schema: z.object({ id: z.string() }) });
    expectTypeOf(exchange).toEqualTypeOf<ExchangeContract<{ id: string }, { id: string }>>();
  });

  test('without a schema the parameter says the type, and nothing does by default', () => {
    expectTypeOf(defineQueue<{ id: string }>('orders')).toEqualTypeOf<QueueContract<{ id: string }>>();
    expectTypeOf(defineQueue('orders')).toEqualTypeOf<QueueContract<unknown, unknown>>();
    expectTypeOf(defineQueue('orders', { retry: { delaysMs: [1] } })).toEqualTypeOf<QueueContract<unknown, unknown>>();
  });

  test('a publisher accepts only what the contract describes', () => {
    const publish = <In>(_to: QueueContract<In, unknown>, _body: NoInfer<In>): void => {};
    const orders = defineQueue('orders', { schema: z.object({ id: z.string() }) });
    publish(orders, { id: '42' });
    // @ts-expect-error an order's id is a string
    publish(orders, { id: 42 });
    publish(defineQueue<{ id: string }>('orders'), { id: '42' });
    // @ts-expect-error an order's id is a string
    publish(defineQueue<{ id: string }>('orders'), { id: 42 });
  });

  test('every contract is one of the general kind', () => {
    expectTypeOf(defineQueue('orders', { schema: z.object({ id: z.string() }) })).toExtend<QueueContract>();
    expectTypeOf(defineExchange('orders', { type: 'topic', schema: z.string() })).toExtend<ExchangeContract>();
  });
});

test('[retry] by the broker needs a quorum queue whose delivery limit leaves room for the attempts', () => {
  const by = { by: 'broker', minMs: 500 } as const;
  expect(defineQueue('orders', { retry: by }).retry).toEqual({
    delaysMs: [],
    broker: { minMs: 500, maxMs: 5_000, attempts: 5 },
  });
  const refused = (options: QueueOptions, message: string): void => {
    const error = { code: 'SUREHOP_CONTRACT_INVALID', message: expect.stringContaining(message) };
    expect(() => defineQueue('orders', options)).toThrow(expect.objectContaining(error));
  };
  refused({ retry: by, type: 'classic' }, 'retry of queue "orders" cannot be by the broker: a classic queue has none');
  refused({ retry: { ...by, attempts: 12 }, deliveryLimit: 10 }, 'must be at most 11, one more than its deliveryLimit');
  refused({ retry: { ...by, maxMs: 499 } }, 'retry.maxMs of queue "orders" must be an integer in [500,');
  refused({ retry: { ...by, by: 'me' as never } }, 'retry.by of queue "orders" must be one of \'broker\'');
  refused({ retry: { ...by, minMs: 0.5 } }, 'retry.minMs of queue "orders" must be an integer');
});
