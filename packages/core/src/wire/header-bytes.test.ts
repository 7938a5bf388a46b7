import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FieldReader } from './field-reader.ts';
import { HeaderBytes } from './header-bytes.ts';
import { field, fields, sized, tagged, textValue } from './table-bytes.test-d.ts';

const asked = ['surehop-attempt', 'surehop-not-before', 'x-delivery-count', 'surehop-answer', 'tenant', 'x-death', ''];

describe('headers that are read where they lie', () => {
  test('[property] have the values that decoding all of them gives', () => {
    fc.assert(
      fc.property(fields, fc.nat(9), (table, before) => {
        const bytes = Buffer.concat([Buffer.alloc(before, 'S'), sized(table), Buffer.from('rest')]);
        const headers = HeaderBytes.in(bytes, before, before + 4 + table.length);
        const decoded = new FieldReader().from(bytes, before).table();
        expect(headers?.table()).toEqual(decoded);
        for (const name of asked) expect(headers?.value(name)).toEqual(decoded[name]);
      }),
      { numRuns: 500 },
    );
  });

  test('[property] are left to be decoded at once wherever bytes are wrong or missing', () => {
    fc.assert(
      fc.property(fields, fc.nat(), fc.nat(255), fc.nat(), (table, at, byte, cut) => {
        const bytes = sized(table);
        bytes[at % bytes.length] = byte;
        const limit = cut % (bytes.length + 1);
        const headers = HeaderBytes.in(bytes, 0, limit);
        if (headers === undefined) return;
        // What is taken must be decoded without an error, and end where it says.
        const reader = new FieldReader().from(bytes, 0);
        expect(headers.table()).toEqual(reader.table());
        expect([reader.at, reader.at <= limit]).toEqual([headers.end, true]);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['a type that there is not', field('a', tagged('Q', Buffer.alloc(4)))],
    ['a text longer than its table', field('a', tagged('S', Buffer.from([0, 0, 0, 9, 0x61])))],
    ['a type that there is not, in an array', field('a', tagged('A', sized(Buffer.from('Q'))))],
    ['a table whose last field is longer', field('a', tagged('F', sized(Buffer.from([1, 0x61, 0x49, 0]))))],
    ['an array whose last value is longer', field('a', tagged('A', sized(Buffer.from([0x49, 0]))))],
    ['a name without a value', Buffer.from([1, 0x61])],
    ['a number with too few bytes', field('a', Buffer.from('l1234'))],
  ])('%s is not taken', (_, table) => {
    expect(HeaderBytes.in(sized(table), 0, table.length + 4)).toBeUndefined();
  });

  test('tables in tables are taken to some depth only', () => {
    const nested = (depth: number): Buffer => (depth === 0 ? textValue('') : tagged('A', sized(nested(depth - 1))));
    const taken = [30, 40].map((depth) => {
      const table = field('a', nested(depth));
      return HeaderBytes.in(sized(table), 0, table.length + 4) !== undefined;
    });
    expect(taken).toEqual([true, false]);
  });

  test('of two headers called __proto__ the last one counts, and neither is the prototype', () => {
    const table = Buffer.concat([field('__proto__', textValue('1')), field('__proto__', textValue('2'))]);
    const decoded = HeaderBytes.in(sized(table), 0, table.length + 4)?.table() ?? {};
    expect([Object.entries(decoded), Object.getPrototypeOf(decoded)]).toEqual([[['__proto__', '2']], Object.prototype]);
  });

  test('of two headers of one name the last one counts', () => {
    const table = Buffer.concat([field('a', textValue('1')), field('b', textValue('x')), field('a', textValue('2'))]);
    expect(HeaderBytes.in(sized(table), 0, table.length + 4)?.value('a')).toBe('2');
  });
});
