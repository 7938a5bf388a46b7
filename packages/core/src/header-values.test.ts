import { describe, expect, test } from 'vitest';
import { encodableHeaders } from './header-values.ts';

describe('encodableHeaders()', () => {
  test('copies deeply: what is changed afterwards is not what is sent', () => {
    const bytes = Uint8Array.of(1, 2);
    const given = { bytes, list: [{ name: 'a' }], table: { on: true } };
    const headers = encodableHeaders(given);
    bytes[0] = 9;
    (given.list[0] as { name: string }).name = 'b';
    given.table.on = false;
    expect(headers).toEqual({ bytes: Buffer.of(1, 2), list: [{ name: 'a' }], table: { on: true } });
  });

  test('bytes become Buffers, the only kind that amqplib knows, at every depth', () => {
    const { bytes, list, table } = encodableHeaders({
      bytes: Uint8Array.of(1),
      list: [Uint8Array.of(2)],
      table: { bytes: new Uint8Array([0, 3, 0]).subarray(1, 2) },
    }) as { bytes: unknown; list: unknown[]; table: { bytes: unknown } };
    expect([bytes, list[0], table.bytes]).toEqual([Buffer.of(1), Buffer.of(2), Buffer.of(3)]);
    expect([bytes, list[0], table.bytes].every(Buffer.isBuffer)).toBe(true);
  });

  test('undefined is left out; null stays', () => {
    expect(Object.keys(encodableHeaders({ gone: undefined, none: null, table: { gone: undefined } }))).toEqual([
      'none',
      'table',
    ]);
  });

  test('tables without a prototype and types that JavaScript has no value for are taken', () => {
    const bare = Object.assign(Object.create(null), { a: 1 });
    expect(encodableHeaders(bare)).toEqual({ a: 1 });
    expect(encodableHeaders({ at: { '!': 'timestamp', value: 5 } })).toEqual({ at: { '!': 'timestamp', value: 5 } });
  });

  test('a key named __proto__ is a key like any other', () => {
    const given = JSON.parse('{"__proto__": {"admin": true}}');
    const headers = encodableHeaders(given);
    expect(Object.keys(headers)).toEqual(['__proto__']);
    expect(headers.admin).toBeUndefined();
  });

  class Order {
    id = 1;
  }
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const loop: unknown[] = [];
  loop.push(loop);
  test.each([
    ['a Date', { at: new Date(0) }, 'header "at" of message 1 must be a plain object, got Date'],
    ['a Map', { map: new Map() }, 'got Map'],
    ['an instance of a class', { order: new Order() }, 'got Order'],
    ['an Error', { error: new Error('x') }, 'got Error'],
    ['other views of bytes', { view: new Uint16Array(1) }, 'got Uint16Array'],
    ['a bigint', { id: 1n }, 'header "id" of message 1 cannot be bigint'],
    ['a function', { f: () => 1 }, 'cannot be function'],
    ['a symbol', { s: Symbol('x') }, 'cannot be symbol'],
    ['NaN', { n: Number.NaN }, 'cannot be NaN'],
    [
      'a place in an array',
      { list: [1, { x: [undefined] }] },
      'header "list[1].x[0]" of message 1 cannot be undefined',
    ],
    ['a long key', { ['k'.repeat(256)]: 1 }, 'has a key above 255 bytes'],
    ['a tag that names no type', { t: { '!': 'string', value: 'x' } }, 'has the key "!"'],
    ['a value that does not fit its tag', { t: { '!': 'byte', value: 500 } }, 'has the key "!"'],
    ['a table that contains itself', circular, 'contains itself'],
    ['an array that contains itself', { loop }, 'contains itself'],
    ['headers that are an array', [] as never, 'headers of message 1 must be a plain object, got array'],
  ])('refuses %s, naming the place and the kind', (_, headers, text) => {
    expect(() => encodableHeaders(headers as never, 'message 1')).toThrow(
      expect.objectContaining({ code: 'SUREHOP_PROPERTIES_INVALID', message: expect.stringContaining(text) }),
    );
  });

  test('the error never shows a value', () => {
    expect(() => encodableHeaders({ secret: new Map([['token', 'geheim']]) })).toThrow(/^(?!.*geheim)/);
  });
});
