import fc from 'fast-check';

/** Frames and fields as a broker writes them. */

export function frame(type: number, payload: Uint8Array): Buffer {
  const head = Buffer.from([type, 0, 1, 0, 0, 0, 0]);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.from([0xce])]);
}

export function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

export function shortString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function sized(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

const shortText = fc.oneof(
  fc.constantFrom('', 'x-delivery-count', 'surehop-attempt', 'ü', '日本'),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

/** amqplib loses a header called `__proto__`; that ours does not is a test of its own (header-bytes.test.ts). */
const fieldName = shortText.filter((name) => name !== '__proto__');

/** Values of each type that there is, tag first. */
const value = fc.letrec<{ one: Buffer; table: Buffer; list: Buffer }>((tie) => ({
  one: fc.oneof(
    { maxDepth: 3 },
    ...[
      ['b', 1],
      ['B', 1],
      ['s', 2],
      ['u', 2],
      ['I', 4],
      ['i', 4],
      ['l', 8],
      ['T', 8],
      ['D', 5],
      ['t', 1],
      ['V', 0],
    ].map(([tag, bytes]) =>
      fc
        .uint8Array({ minLength: Number(bytes), maxLength: Number(bytes) })
        .map((content) => Buffer.concat([Buffer.from(String(tag)), content])),
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => {
      const bytes = Buffer.from('d12345678');
      bytes.writeDoubleBE(number, 1);
      return bytes;
    }),
    fc.integer().map((number) => {
      const bytes = Buffer.from('f1234');
      bytes.writeFloatBE(number / 8, 1);
      return bytes;
    }),
    shortText.map((text) => Buffer.concat([Buffer.from('S'), sized(Buffer.from(text))])),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.concat([Buffer.from('x'), sized(bytes)])),
    tie('table').map((table) => Buffer.concat([Buffer.from('F'), table])),
    tie('list').map((list) => Buffer.concat([Buffer.from('A'), list])),
  ),
  table: fc
    .array(fc.tuple(fieldName, tie('one')), { maxLength: 5 })
    .map((fields) => sized(Buffer.concat(fields.flatMap(([key, one]) => [shortString(key), one])))),
  list: fc.array(tie('one'), { maxLength: 5 }).map((values) => sized(Buffer.concat(values))),
}));

const text = shortText.map(shortString);
const octet = fc.uint8Array({ minLength: 1, maxLength: 1 }).map((bytes) => Buffer.from(bytes));
const timestamp = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes));

/** Flags and values of properties, any of which may be missing; the last one is the cluster id, which nobody uses any more. */
export const properties: fc.Arbitrary<Buffer> = fc
  .tuple(
    ...[text, text, value.table, octet, octet, text, text, text, text, timestamp, text, text, text, text].map((one) =>
      fc.option(one),
    ),
  )
  .map((values) => {
    const flags = Buffer.alloc(2);
    flags.writeUInt16BE(values.reduce((sum, one, index) => sum + (one === null ? 0 : 0x8000 >>> index), 0));
    return Buffer.concat([flags, ...values.filter((one) => one !== null)]);
  });
