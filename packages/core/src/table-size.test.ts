import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodableHeaders } from './header-values.ts';
import type { HeaderTable } from './message.ts';
import { encodedTableSize } from './table-size.ts';

// amqplib's `exports` hide its encoder; by path it can still be had, and it is what these sizes are about.
const require = createRequire(import.meta.url);
const { encodeTable } = require(join(dirname(require.resolve('amqplib')), 'lib', 'codec.js')) as {
  encodeTable(buffer: Buffer, table: unknown, offset: number): number;
};
const scratch = Buffer.alloc(1_000_000);

function sizeByAmqplib(table: HeaderTable): number {
  return encodeTable(scratch, table, 0);
}

const scalar = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.boolean(),
  fc.constant(null),
  fc.maxSafeInteger(),
  fc.integer({ min: -40_000, max: 40_000 }),
  fc.double(),
  fc.double({ min: -(2 ** 64), max: 2 ** 64 }),
  fc.bigInt(),
  fc.constant(undefined),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.nat().map((value) => ({ '!': 'timestamp', value })),
);
const { table } = fc.letrec<{ value: unknown; table: HeaderTable }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie('value'), { maxLength: 4 }), tie('table')),
  table: fc.dictionary(
    fc.string({ unit: 'grapheme', maxLength: 40 }).filter((key) => key !== '!'),
    tie('value'),
    {
      maxKeys: 6,
    },
  ),
}));

describe('encodedTableSize()', () => {
  test('is what amqplib writes, and throws where amqplib throws', () => {
    fc.assert(
      fc.property(table, (headers) => {
        const size = sizeOrRefusal(() => sizeByAmqplib(headers));
        expect(sizeOrRefusal(() => encodedTableSize(headers))).toBe(size);
        expect(sizeOrRefusal(() => encodedTableSize(encodableHeaders(headers)))).toBe(size);
      }),
      { numRuns: 1_000 },
    );
  });

  const edges = [7, 8, 15, 16, 31, 32, 49, 50, 51, 53, 62].flatMap((bits) => {
    const power = 2 ** bits;
    return [power, power - 1, -power, -power - 1, power + 0.5, -power - 0.5];
  });
  test.each([...edges, -0, 2 ** 63, -(2 ** 63), 1e300, Number.POSITIVE_INFINITY])(
    'of the number %d is that of amqplib',
    (value) => {
      const size = sizeOrRefusal(() => sizeByAmqplib({ value }));
      expect(sizeOrRefusal(() => encodedTableSize({ value }))).toBe(size);
    },
  );

  test.each([
    ['byte', -1],
    ['uint8', 200],
    ['short', -300],
    ['unsignedshort', 60_000],
    ['int32', -70_000],
    ['unsignedint', 4_000_000_000],
    ['long', 5],
    ['int64', -(2n ** 63n)],
    ['timestamp', 2n ** 64n - 1n],
    ['float', 1.5],
    ['double', Number.NaN],
    ['decimal', { places: 2, digits: 995 }],
  ])('of a tagged %s is that of amqplib', (tag, value) => {
    const headers = { tagged: { '!': tag, value } };
    expect(encodedTableSize(headers)).toBe(sizeByAmqplib(headers));
  });

  test.each([
    { value: 1n },
    { value: () => 1 },
    { value: Symbol('x') },
    { value: Number.NaN },
    { value: Number.NEGATIVE_INFINITY },
    { value: -1e30 },
    { value: 2 ** 50 + 0.5 },
    { value: [undefined] },
    { ['a'.repeat(256)]: 1 },
    { ['ü'.repeat(128)]: 1 },
    { value: { '!': 'byte', value: 128 } },
    { value: { '!': 'timestamp', value: -1 } },
    { value: { '!': 'decimal', value: { places: 300, digits: 1 } } },
    { value: { '!': 'surprise', value: 1 } },
  ])('throws where amqplib does (%#)', (headers) => {
    expect(() => sizeByAmqplib(headers)).toThrow();
    expect(() => encodedTableSize(headers)).toThrow();
  });

  test('undefined takes no room, and bytes count as the Buffer that they become', () => {
    expect(encodedTableSize({ gone: undefined })).toBe(4);
    expect(encodedTableSize({ bytes: Uint8Array.of(1, 2, 3) })).toBe(sizeByAmqplib({ bytes: Buffer.of(1, 2, 3) }));
  });
});

function sizeOrRefusal(measure: () => number): number | 'refused' {
  try {
    return measure();
  } catch {
    return 'refused';
  }
}
