import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { retryHeaderBytes } from './failure-bytes.ts';
import { type FailureInput, failureHeaders } from './failure-headers.ts';
import { headerNames, readFailure } from './failure-record.ts';
import type { EncodedHeaders, HeaderTable } from './message.ts';
import { encodedTableSize } from './table-size.ts';
import { HeaderBytes } from './wire/header-bytes.ts';
import { field, fields, sized, tagged, textValue } from './wire/table-bytes.test-d.ts';
import { writeTable } from './wire/table-encoder.ts';

type Input = Omit<FailureInput, 'headers'>;

const failed: Input = {
  properties: { deliveryMode: 2, messageId: 'm1' },
  failedAttempts: 1,
  failedAt: Date.UTC(2026, 10, 27, 10),
  error: new Error('not this time'),
  consumer: 'billing-0198f0aa',
  queue: 'orders',
  exchange: 'events',
  routingKey: 'created',
  limitBytes: 60_000,
};

function encoded(table: Uint8Array): EncodedHeaders {
  const bytes = sized(table);
  const headers = HeaderBytes.in(bytes, 0, bytes.length);
  if (headers === undefined) throw new Error('no table');
  return headers;
}

/** What is written of the headers that are decoded and made anew; undefined where there are none, or amqplib writes them. */
function slowly(input: Input, from: EncodedHeaders): Buffer | undefined {
  const headers = failureHeaders({ ...input, headers: (from as HeaderBytes).table() });
  return headers && bytesOf(headers);
}

function bytesOf(headers: HeaderTable): Buffer | undefined {
  const buffer = Buffer.alloc(200_000);
  try {
    return buffer.subarray(0, writeTable(buffer, headers, 0));
  } catch {
    return undefined;
  }
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom('', '\ud800', 'ü'.repeat(128), 'x'.repeat(1_025), 'ü'.repeat(2_049), 'x'.repeat(70_000)),
);
const input: fc.Arbitrary<Input> = fc.record({
  properties: fc.constantFrom({}, { messageId: 'm1' }, { messageId: 'x'.repeat(255), type: 'ü'.repeat(127) }),
  failedAttempts: fc.oneof(fc.nat(20), fc.constantFrom(127, 128, 40_000, 3_000_000_000)),
  failedAt: fc.integer({ min: 0, max: 4e12 }),
  error: fc.oneof(
    text.map((message) => new Error(message)),
    fc.tuple(text, text, text).map(([name, message, code]) => Object.assign(new Error(message), { name, code })),
    text,
    fc.constantFrom(undefined, { code: 7 }),
  ),
  consumer: fc.oneof(fc.constant('billing'), fc.string({ unit: 'binary', maxLength: 60 })),
  queue: fc.constantFrom('orders', 'ü'.repeat(100)),
  exchange: fc.constantFrom('', 'events', 'orders.retry', 'surehop.delay.v1'),
  routingKey: fc.constantFrom('', 'created', 'delay:orders'),
  limitBytes: fc.oneof(fc.constant(60_000), fc.integer({ min: 100, max: 3_000 })),
});

/** What a broker adds to a message that comes out of a rung. */
const deaths = Buffer.concat([
  field('x-death', tagged('A', sized(tagged('F', sized(field('time', tagged('T', Buffer.alloc(8)))))))),
  field('x-first-death-queue', textValue('orders.retry.1000')),
]);

function delivered(bytes: Uint8Array): EncodedHeaders {
  return encoded(Buffer.concat([bytes.subarray(4), deaths]));
}

describe('the bytes of a retry', () => {
  test('[property] are those of the headers that are decoded and made anew, or there are none', () => {
    fc.assert(
      fc.property(input, fields, (failure, table) => {
        const from = encoded(table);
        const quickly = retryHeaderBytes(failure, from);
        if (quickly !== undefined) expect(quickly.equals(slowly(failure, from) ?? Buffer.alloc(0))).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  test('[property] are so all the way of a ladder, whatever headers the message has', () => {
    fc.assert(
      fc.property(fc.array(input, { maxLength: 13 }), fields, (failures, table) => {
        let from = encoded(table);
        for (const failure of failures) {
          const slow = slowly(failure, from);
          const quick = retryHeaderBytes(failure, from);
          if (quick !== undefined) expect(quick.equals(slow ?? Buffer.alloc(0))).toBe(true);
          if (slow === undefined) return;
          from = delivered(slow);
        }
      }),
      { numRuns: 500 },
    );
  });

  const foreign = {
    tenant: 'a',
    traceparent: 'ü',
    'x-custom': [1, 200, -40_000, true, null, { deep: 'x' }, Buffer.from('y')],
  };

  test('are there on every step of a ladder, with a history of the last ten failures', () => {
    let from = encoded((bytesOf(foreign) as Buffer).subarray(4));
    for (let failedAttempts = 1; failedAttempts <= 13; failedAttempts += 1) {
      const failure = { ...failed, failedAttempts, failedAt: failed.failedAt + failedAttempts * 86_400_000 };
      const quick = retryHeaderBytes(failure, from);
      expect(quick).toEqual(slowly(failure, from));
      from = delivered(quick as Buffer);
    }
    const record = readFailure((from as HeaderBytes).table());
    expect([record.failedAttempts, record.history.length, record.exchange, record.routingKey]).toEqual([
      13,
      10,
      'events',
      'created',
    ]);
    expect(record.history[0]?.at).toBe(new Date(failed.failedAt + 4 * 86_400_000).toISOString());
    expect((from as HeaderBytes).table()).toMatchObject({ ...foreign, [headerNames.attempt]: 13 });
  });

  test('never exceed the limit: beyond it, the history is cut as ever', () => {
    const first = retryHeaderBytes(failed, HeaderBytes.none) as Buffer;
    const from = delivered(first);
    const whole = (retryHeaderBytes(failed, from) as Buffer).length;
    expect(retryHeaderBytes({ ...failed, limitBytes: whole }, from)?.length).toBe(whole);
    expect(retryHeaderBytes({ ...failed, limitBytes: whole - 1 }, from)).toBeUndefined();
    const long = {
      ...failed,
      properties: {
        messageId: 'x'.repeat(255),
        type: 'x'.repeat(255),
        appId: 'x'.repeat(255),
        correlationId: 'x'.repeat(255),
      },
    };
    expect(retryHeaderBytes({ ...long, limitBytes: whole }, from)).toBeUndefined();
    const cut = failureHeaders({ ...failed, limitBytes: whole - 1, headers: (from as HeaderBytes).table() });
    expect(encodedTableSize(cut ?? {})).toBeLessThan(whole);
  });

  test('of a table beyond what a frame carries there are none', () => {
    expect(retryHeaderBytes(failed, encoded(field('a', textValue('x'.repeat(59_990)))))).toBeUndefined();
    expect(retryHeaderBytes(failed, encoded(field('a', textValue('x'.repeat(90_000)))))).toBeUndefined();
  });

  test.each([
    ['a moment', tagged('T', Buffer.alloc(8))],
    ['a decimal', tagged('D', Buffer.alloc(5))],
    ['a large number', tagged('l', Buffer.alloc(8, 1))],
    ['a small number in many bytes', tagged('I', Buffer.from([0, 0, 0, 1]))],
    ['an unsigned number', tagged('u', Buffer.from([255, 255]))],
    ['a number with a fraction', tagged('d', Buffer.alloc(8, 1))],
    ['a text that is none', textValue(Buffer.from([0x61, 0xff]))],
    ['a long text that is none', textValue(Buffer.alloc(70, 0xff))],
    ['a truth of 2', tagged('t', Buffer.from([2]))],
    ['a table with a type of AMQP', tagged('F', sized(field('!', textValue('int8'))))],
    [
      'a table with a name twice',
      tagged('F', sized(Buffer.concat([field('a', textValue('')), field('a', textValue(''))]))),
    ],
  ])('%s among foreign headers leaves them to be decoded', (_, value) => {
    expect(retryHeaderBytes(failed, encoded(field('tenant', value)))).toBeUndefined();
    expect(retryHeaderBytes(failed, encoded(field('tenant', tagged('A', sized(value)))))).toBeUndefined();
  });

  test.each(['12', '__proto__', 'ü', '!'])('a foreign header called %s leaves them to be decoded', (name) => {
    expect(retryHeaderBytes(failed, encoded(field(name, textValue(''))))).toBeUndefined();
  });

  const at = textValue('2026-11-27T10:00:00.000Z');
  const entry = { at, name: textValue('Error'), message: textValue('boom'), consumer: textValue('billing') };
  const historyOf = (fields: Readonly<Record<string, Buffer>>): Buffer =>
    field(
      headerNames.history,
      tagged(
        'A',
        sized(tagged('F', sized(Buffer.concat(Object.entries(fields).map(([name, one]) => field(name, one)))))),
      ),
    );

  test('take over an entry of the history as we write it', () => {
    const from = encoded(
      historyOf({ ...entry, name: textValue('x'.repeat(255)), message: textValue('ü'.repeat(512)) }),
    );
    expect(retryHeaderBytes(failed, from)).toEqual(slowly(failed, from));
  });

  test.each([
    ['a long name', { ...entry, name: textValue('x'.repeat(256)) }],
    ['a long message', { ...entry, message: textValue('x'.repeat(1_025)) }],
    ['a long consumer', { ...entry, consumer: textValue('ü'.repeat(128)) }],
    ['bytes for a name', { ...entry, name: tagged('x', sized(Buffer.from('Error'))) }],
    ['a text that is none', { ...entry, message: textValue(Buffer.from([0xff])) }],
    ['a moment of another form', { ...entry, at: textValue('2026-11-27T10:00:00Z') }],
    ['a moment that there is not', { ...entry, at: textValue('2026-02-30T10:00:00.000Z') }],
    ['another order', { name: entry.name, at, message: entry.message, consumer: entry.consumer }],
    ['a field less', { at, name: entry.name, message: entry.message }],
    ['a field more', { ...entry, more: entry.name }],
  ])('%s in an entry of the history leaves them to be decoded', (_, fields) => {
    expect(retryHeaderBytes(failed, encoded(historyOf(fields)))).toBeUndefined();
  });

  test.each([
    ['an exchange without a routing key', [field(headerNames.exchange, textValue('events'))]],
    ['a routing key without an exchange', [field(headerNames.routingKey, textValue('created'))]],
    [
      'an exchange longer than any',
      [field(headerNames.exchange, textValue('x'.repeat(256))), field(headerNames.routingKey, textValue(''))],
    ],
    ['a history that is none', [field(headerNames.history, textValue(''))]],
    ['a first failure at another form of time', [field(headerNames.firstFailedAt, textValue('2026-11-27T10:00:00Z'))]],
  ])('%s leaves them to be decoded', (_, wrong) => {
    expect(retryHeaderBytes(failed, encoded(Buffer.concat(wrong)))).toBeUndefined();
  });

  test('of what is no plain retry there are none', () => {
    for (const more of [{ reason: 'failed' as const }, { notBefore: 1 }, { inStream: { offset: 1, reader: 'r' } }]) {
      expect(retryHeaderBytes({ ...failed, ...more }, HeaderBytes.none)).toBeUndefined();
    }
  });
});
