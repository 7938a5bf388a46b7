import { defineExchange, defineQueue } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import { checkPublishOptions, checkRawOptions, destinationOf, type PublishOptions } from './publish-options.ts';

const to = { exchange: '', routingKey: 'orders' };

describe('where a message goes', () => {
  test('to a queue: through the default exchange, by its name', () => {
    expect(destinationOf(defineQueue('orders'), undefined)).toEqual({ exchange: '', routingKey: 'orders' });
    expect(() => destinationOf(defineQueue('orders'), 'orders')).toThrow(
      'routingKey must not be given for queue "orders"',
    );
  });

  test.each(['direct', 'topic'] as const)('to a %s exchange: by a routing key that must be given', (type) => {
    const exchange = defineExchange('shop', { type });
    expect(destinationOf(exchange, 'a')).toEqual({ exchange: 'shop', routingKey: 'a' });
    expect(destinationOf(exchange, '')).toEqual({ exchange: 'shop', routingKey: '' });
    expect(() => destinationOf(exchange, undefined)).toThrow('routingKey is missing');
  });

  test.each(['fanout', 'headers'] as const)('to a %s exchange: with an empty key, unless another is given', (type) => {
    expect(destinationOf(defineExchange('shop', { type }), undefined)).toEqual({ exchange: 'shop', routingKey: '' });
    expect(destinationOf(defineExchange('shop', { type }), 'a')).toEqual({ exchange: 'shop', routingKey: 'a' });
  });

  test.each([undefined, null, 'orders', {}])('to %o: nowhere', (wrong) => {
    expect(() => destinationOf(wrong as never, undefined)).toThrow('defineQueue, defineExchange or defineStream');
  });
});

describe('options of a call', () => {
  test.each<[unknown, string]>([
    [null, 'must be an object'],
    [{ deadline: 5 }, 'did you mean deadlineMs'],
    [{ deadlineMs: 0 }, 'deadlineMs must be an integer in [1, 2147483647], got 0'],
    [{ deadlineMs: 2 ** 31 }, 'deadlineMs must be'],
    [{ signal: 'stop' }, 'signal must be an AbortSignal, got string'],
    [{ messageId: '' }, 'messageId must be a string that is not empty'],
    [{ properties: { contentType: 'text/plain' } }, 'has no option "contentType"'],
    [{ properties: { deliveryMode: 1 } }, 'has no option "deliveryMode"'],
  ])('%o is refused', (given, text) => {
    expect(() => checkPublishOptions(given as PublishOptions)).toThrow(text);
  });

  test.each<[unknown, unknown, unknown, string]>([
    [null, {}, {}, 'the destination of publishTo must be an object'],
    [{ ...to, queue: 'orders' }, {}, {}, 'has no option "queue"'],
    [to, { persistent: true }, {}, 'has no option "persistent"'],
    [to, { messageId: '' }, {}, 'messageId'],
    [to, {}, { headers: {} }, 'has no option "headers"'],
    [to, {}, { deadlineMs: 1.5 }, 'deadlineMs'],
  ])('of raw access: %o, %o, %o is refused', (destination, properties, given, text) => {
    expect(() => checkRawOptions(destination as never, properties as never, given as never)).toThrow(text);
  });

  test('everything else is taken', () => {
    const { signal } = new AbortController();
    checkPublishOptions({
      deadlineMs: 1,
      signal,
      headers: {},
      messageId: 'a',
      routingKey: '',
      properties: { priority: 1 },
    });
    checkRawOptions(to, { deliveryMode: 1, headers: { a: 1 }, contentType: 'a/b' }, { deadlineMs: 1, signal });
  });
});
