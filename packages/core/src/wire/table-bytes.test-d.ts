import fc from 'fast-check';

/** Tables as other clients and brokers may write them, for tests. */

export function sized(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A field: its name, then a value with its tag first. */
export function field(name: string | Uint8Array, value: Uint8Array): Buffer {
  const bytes = Buffer.from(name as string);
  return Buffer.concat([Buffer.from([bytes.length]), bytes, value]);
}

/** A value of a tag and bytes. */
export function tagged(tag: string, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(tag), bytes]);
}

export function textValue(text: string | Uint8Array): Buffer {
  return tagged('S', sized(Buffer.from(text as string)));
}

/** Names that mean something here, to brokers or to JavaScript, and others. */
const name = fc.oneof(
  fc.constantFrom<string>(
    ...['surehop-attempt', 'surehop-first-failed-at', 'surehop-failed-at', 'surehop-history', 'surehop-exchange'],
    ...['surehop-routing-key', 'surehop-queue', 'surehop-error-name', 'surehop-not-before', 'surehop-answer'],
    ...['surehop-delay-enter', 'x-death', 'x-first-death-queue', 'x-last-death-ü', 'x-delivery-count', 'x-custom'],
    ...['CC', 'BCC', 'traceparent', 'tenant', 'tenant', 'ü', '', '12', '7', '__proto__', '!', 'toString'],
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.uint8Array({ maxLength: 6 }),
);
const moment = fc.oneof(
  fc.constantFrom('2026-02-28T23:59:59.999Z', '2026-02-30T00:00:00.000Z', '2024-02-29T00:00:00.000Z'),
  fc.constantFrom('2026-11-27T10:00:00.000Z', '2026-11-27T10:00:00Z', '2026-11-27T10:00:00.000+01:00', 'yesterday'),
  fc.constantFrom('2026-13-01T10:00:00.000Z', '2026-00-01T10:00:00.000Z', '2026-01-00T10:00:00.000Z'),
  fc.constantFrom('2026-01-01T24:00:00.000Z', '2026-01-01T25:00:00.000Z', '2026-01-01T10:60:00.000Z'),
  fc.constantFrom('2026-01-01T10:00:60.000Z', '0000-01-01T10:00:00.000Z'),
);
const text = fc.oneof(
  moment,
  fc.string({ unit: 'binary', maxLength: 70 }),
  fc.constantFrom('', 'not this time', 'x'.repeat(255), 'ü'.repeat(128), 'x'.repeat(1_024), 'ü'.repeat(513)),
);
const value = fc.letrec<{ one: Buffer; table: Buffer; list: Buffer; entry: Buffer }>((tie) => ({
  one: fc.oneof(
    { maxDepth: 3 },
    { weight: 6, arbitrary: text.map(textValue) },
    fc.uint8Array({ maxLength: 80 }).map((bytes) => textValue(bytes)),
    ...(['b1', 'B1', 's2', 'u2', 'I4', 'i4', 'l8', 'T8', 'D5', 't1', 'V0', 'd8', 'f4'] as const).map((kind) => {
      const bytes = Number(kind[1]);
      const any = fc.uint8Array({ minLength: bytes, maxLength: bytes });
      const small = fc.nat(2).map((last) => Uint8Array.from({ length: bytes }, (_, at) => (at < bytes - 1 ? 0 : last)));
      return fc.oneof(any, small).map((content) => tagged(kind.slice(0, 1), content));
    }),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => tagged('x', sized(bytes))),
    tie('table').map((fields) => tagged('F', sized(fields))),
    tie('list').map((values) => tagged('A', sized(values))),
    tie('entry').map((entries) => tagged('A', sized(entries))),
  ),
  table: fc.array(fc.tuple(name, tie('one')), { maxLength: 4 }).map((fields) => joined(fields)),
  list: fc.array(tie('one'), { maxLength: 4 }).map((values) => Buffer.concat(values)),
  entry: fc
    .array(fc.tuple(moment, text, text, text, fc.nat(9)), { maxLength: 13 })
    .map((entries) => Buffer.concat(entries.map((one) => entryOf(...one)))),
}));

/** As this SDK writes it; with `how` below 3, nearly. */
function entryOf(at: string, name: string, message: string, consumer: string, how: number): Buffer {
  const fields: [string, Buffer][] = [
    ['at', textValue(at)],
    ['name', textValue(name)],
    ['message', textValue(message)],
    ['consumer', textValue(consumer)],
  ];
  if (how === 0) fields.reverse();
  if (how === 1) fields.pop();
  if (how === 2) fields.push(['more', textValue('')]);
  return tagged('F', sized(joined(fields)));
}

function joined(fields: readonly (readonly [string | Uint8Array, Buffer])[]): Buffer {
  return Buffer.concat(fields.map(([one, content]) => field(one, content)));
}

/** The fields of a table, without their length. */
export const fields: fc.Arbitrary<Buffer> = fc
  .array(fc.tuple(name, value.one), { maxLength: 12 })
  .map((all) => joined(all));
