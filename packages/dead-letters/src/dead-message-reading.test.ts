import type { IncomingMessage } from '@surehop/core/internal';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDeadMessage } from './dead-message-reading.ts';

const came: IncomingMessage = {
  consumerTag: 'c',
  deliveryTag: 1,
  redelivered: true,
  exchange: 'orders.dead-letter',
  routingKey: 'orders',
  content: Buffer.from('{"id":42}'),
  properties: { messageId: 'm-1', contentType: 'application/json' },
  headers: { tenant: 'shop-7', nested: { b: 1, a: Buffer.from('x') } },
};
const read = (changes: Partial<IncomingMessage> = {}) => readDeadMessage({ ...came, ...changes }, 'orders.dead-letter');
const { messageId: _messageId, ...withoutId } = came.properties;

describe('a dead message', () => {
  test('is plain data of its own, apart from what was read off the socket', () => {
    const buffer = Buffer.from('before {"id":42} after');
    const message = read({ content: buffer.subarray(7, 16) });
    buffer.fill(0);
    expect(Buffer.from(message.content).toString()).toBe('{"id":42}');
    expect(message).toMatchObject({
      id: 'm-1',
      queue: 'orders.dead-letter',
      exchange: 'orders.dead-letter',
      routingKey: 'orders',
      redelivered: true,
      headers: { tenant: 'shop-7' },
      failure: { queue: 'orders' },
    });
  });

  test.each([[''], [undefined], [7]])('without a message id (%j) has one of its content', (messageId) => {
    expect(read({ properties: { ...withoutId, messageId } as never }).id).toMatch(/^sha256:[0-9a-f]{32}$/);
  });
});

describe('the id of a message without one', () => {
  const idOf = (changes: Partial<IncomingMessage> = {}): string => read({ properties: withoutId, ...changes }).id;

  test('stays the same, however often it is looked at and copied by a pass', () => {
    const looks = { 'x-delivery-count': 7, 'x-acquired-count': 7, 'surehop-pass': 'run' };
    const again = { ...looks, ...came.headers };
    expect(idOf({ headers: again, deliveryTag: 9, redelivered: false })).toBe(idOf());
    expect(idOf({ headers: { nested: { a: Buffer.from('x'), b: 1 }, tenant: 'shop-7' } })).toBe(idOf());
    expect(idOf()).toBe('sha256:75a9b816ce2198b408b5ede2c7134449');
  });

  test('is another for another body, other properties, other headers', () => {
    const others = [
      idOf({ content: Buffer.from('{"id":43}') }),
      idOf({ properties: { contentType: 'application/json', type: 'x' } }),
      idOf({ headers: {} }),
      idOf({ headers: { tenant: 'shop-7', nested: { b: '1', a: Buffer.from('x') } } }),
      idOf({ headers: { tenant: 'shop-7', nested: { b: 1, a: 'x' } } }),
      idOf({ headers: { tenant: 'shop-7', nested: [1] } }),
    ];
    expect(new Set([idOf(), ...others]).size).toBe(7);
  });

  test('can be had of whatever headers, and of two kinds of value it is not the same', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        ...[fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.uint8Array(), fc.bigInt()],
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(fc.string(), tie('any'), { maxKeys: 3 }),
      ),
    })).any;
    const headers = fc.dictionary(fc.string(), value, { maxKeys: 4 });
    fc.assert(
      fc.property(headers, (one) => /^sha256:[0-9a-f]{32}$/.test(idOf({ headers: one }))),
      { numRuns: 300 },
    );
    let deep: unknown = 'bottom';
    for (let depth = 0; depth < 10_000; depth += 1) deep = { deep };
    expect(idOf({ headers: { deep } })).toMatch(/^sha256:/);
  });
});
