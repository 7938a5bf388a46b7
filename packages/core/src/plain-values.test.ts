import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HeaderTable } from './message.ts';
import { tableFromPlain, tableToPlain } from './plain-values.ts';

test('what JSON has no value for is tagged', () => {
  const headers = {
    bytes: Buffer.from('a'),
    at: { '!': 'timestamp', value: 5 },
    money: { '!': 'decimal', value: { digits: 1, places: 2 } },
    large: 2n ** 60n,
    nothing: Number.NaN,
    $price: 1,
    deep: { $x: [Buffer.from('b')] },
  };
  const plain = {
    bytes: { $bytes: 'YQ==' },
    at: { $timestamp: 5 },
    money: { $typed: ['decimal', { digits: 1, places: 2 }] },
    large: { $integer: '1152921504606846976' },
    nothing: { $number: 'NaN' },
    $$price: 1,
    deep: { $$x: [{ $bytes: 'Yg==' }] },
  };
  expect(tableToPlain(headers)).toEqual(plain);
  expect(tableFromPlain(plain)).toEqual(headers);
});

test('numbers that JSON has no word for are kept', () => {
  for (const number of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 2n ** 63n - 1n]) {
    const json = JSON.stringify(tableToPlain({ number }));
    expect(tableFromPlain(JSON.parse(json) as Record<string, unknown>).number).toBe(number);
  }
});

test('[property] tables come back through JSON as they were', () => {
  const bytes = fc.uint8Array().map((one) => Buffer.from(one));
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null), bytes);
  const key = fc.oneof(fc.string(), fc.constantFrom('$', '$$', '__proto__')).filter((name) => name !== '!');
  const { table } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie('value'), { maxLength: 3 }), tie('table')),
    table: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  }));
  const same = fc.property(table, (headers) => {
    const json = JSON.stringify(tableToPlain(headers as HeaderTable));
    expect(tableFromPlain(JSON.parse(json) as Record<string, unknown>)).toEqual(headers);
  });
  fc.assert(same);
});

test.each([{ a: { $bytes: 'no base64!' } }, { a: { $timestamp: '1' } }, { a: { $other: 1 } }, { $single: 1 }])(
  '%j is refused',
  (plain) => {
    expect(() => tableFromPlain(plain)).toThrow(TypeError);
  },
);
