import {
  amqplibDriver,
  type DriverChannel,
  EncodedMessage,
  type OutgoingMessage,
  retryHeaderBytes,
} from '@surehop/core/internal';
import { eventually } from '@surehop/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listeningTo } from './listening.ts';
import { type Client, ScriptedBroker } from './scripted-broker.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ maxLength: 90 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('', '\u{1f407}', '\ud800', 'ü'.repeat(127), 'x'.repeat(255), 'x'.repeat(256), 'ü'.repeat(128)),
);
const number = fc.oneof(
  fc.integer({ min: -200, max: 200 }),
  fc.integer({ min: -40_000, max: 40_000 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(-0, 2 ** 31, -(2 ** 31), 2 ** 31 - 1, 2 ** 50, 2 ** 50 + 0.5, 2 ** 53, 2 ** 63, -(2 ** 63), 2 ** 64),
);
const leaf = fc.oneof(
  text,
  number,
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom<unknown>(
    { '!': 'timestamp', value: 1 },
    { '!': 'nothing' },
    { '!': 'int8', value: 300 },
    new Uint8Array([1]),
    new Date(0),
    1n,
    () => 1,
    Symbol.iterator,
    'z'.repeat(70_000),
    'ü'.repeat(40_000),
    Buffer.alloc(65_535),
    Buffer.alloc(30_000),
    Array.from({ length: 300 }, () => 'item'),
  ),
);
const { headers } = fc.letrec((tie) => ({
  headers: fc.dictionary(text, tie('value'), { maxKeys: 6 }),
  value: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('headers')),
}));
const octet = fc.oneof(fc.nat(255), fc.constantFrom(256, -1, 1.5, Number.NaN));
const timestamp = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(-1, 1.5, 2 ** 63, 2 ** 64, Number.NaN));
const properties = fc.record(
  {
    contentType: text,
    contentEncoding: text,
    deliveryMode: octet,
    priority: octet,
    correlationId: text,
    replyTo: text,
    expiration: text,
    messageId: text,
    timestamp,
    type: text,
    userId: text,
    appId: text,
  },
  { requiredKeys: [] },
);
const content = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  fc
    .constantFrom(0, 1, 1_900, 2_000, 2_100, 4_087, 4_088, 4_089, 8_176, 8_184, 8_192, 8_193, 16_384, 70_000, 200_000)
    .map((bytes) => new Uint8Array(bytes).fill(bytes)),
);
const message = fc.record({
  exchange: fc.oneof(fc.constantFrom('', 'events'), text),
  routingKey: fc.oneof(fc.constantFrom('orders', 'created'), text),
  mandatory: fc.boolean(),
  content,
  properties,
  headers: fc.option(headers as fc.Arbitrary<Record<string, unknown>>, { nil: undefined }),
}) as fc.Arbitrary<OutgoingMessage>;
const none = { bytes: Buffer.alloc(4), start: 4, end: 4, value: () => undefined };
/** A retry whose headers are encoded already; amqplib has them decoded. */
const encoded = fc
  .tuple(text, content, properties, fc.constantFrom(0, 900, 4_000))
  .map(([error, body, given, more]) => {
    const described = { ...given, deliveryMode: 2, messageId: 'm' } as OutgoingMessage['properties'];
    const failure = {
      properties: {},
      failedAttempts: 1,
      failedAt: 0,
      consumer: 'c',
      exchange: '',
      routingKey: 'orders',
    };
    const thrown = new Error(error + 'x'.repeat(more));
    const bytes = retryHeaderBytes({ ...failure, error: thrown, queue: 'orders', limitBytes: 60_000 }, none);
    if (bytes === undefined) throw new Error('no headers');
    return new EncodedMessage('', 'orders.retry.1000', body, described, bytes);
  });
/** A message, or something that amqplib itself writes to the channel. */
const step = fc.oneof(
  { weight: 5, arbitrary: message },
  { weight: 2, arbitrary: encoded },
  fc.constantFrom('ack', 'nack', 'nack all', 'reject'),
);

describe.each([4_096, 8_192, 131_072])('frames of at most %d bytes', (frameMax) => {
  const byKind = new Map<'fast' | 'amqplib', { channel: DriverChannel; client: Client }>();
  let broker: ScriptedBroker;

  beforeAll(async () => {
    broker = await ScriptedBroker.start({ frameMax });
    for (const wire of ['fast', 'amqplib'] as const) {
      const { link, client } = await broker.dial(amqplibDriver({ wire }));
      byKind.set(wire, {
        channel: await link.openChannel(listeningTo().listeners, AbortSignal.timeout(5_000)),
        client,
      });
    }
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  test('are byte for byte what amqplib writes, in the same order; what it refuses is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const [fast, amqplib] = await Promise.all([written('fast', steps), written('amqplib', steps)]);
        expect(fast.thrown).toEqual(amqplib.thrown);
        expect(fast.bytes.equals(amqplib.bytes), shown(fast.bytes, amqplib.bytes)).toBe(true);
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  /** What reaches the socket of these steps, taken in one turn, and what they threw. */
  async function written(wire: 'fast' | 'amqplib', steps: readonly (OutgoingMessage | string)[]) {
    const { channel, client } = byKind.get(wire) as { channel: DriverChannel; client: Client };
    client.frames.length = 0;
    const thrown: string[] = [];
    steps.forEach((one, index) => {
      try {
        if (one === 'ack') channel.ack(2 ** 32 + index, index % 2 === 0);
        else if (one === 'nack') channel.nack(index, index % 2 === 0);
        else if (one === 'nack all') channel.nack(index, index % 2 === 0, true);
        else if (one === 'reject') channel.reject(index, index % 2 === 0);
        else if (typeof one === 'object') channel.publish(one);
      } catch (error) {
        thrown.push(`${index}: ${error}`);
      }
    });
    // Comes last: the frames of a channel keep their order.
    channel.ack(1_234_567, true);
    await eventually(() => expect(isLast(client.frames.at(-1)?.bytes)).toBe(true));
    return { thrown, bytes: Buffer.concat(client.frames.map(({ bytes }) => bytes)) };
  }
});

function isLast(bytes: Buffer | undefined): boolean {
  return bytes?.length === 21 && bytes.readUInt16BE(9) === 80 && bytes.readBigUInt64BE(11) === 1_234_567n;
}

function shown(one: Buffer, other: Buffer): string {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  const around = (bytes: Buffer): string => bytes.subarray(Math.max(0, at - 40), at + 40).toString('latin1');
  return `differ at ${at} of ${one.length} and ${other.length}: ${JSON.stringify([around(one), around(other)])}`;
}
