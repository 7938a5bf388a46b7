import { amqplibDriver, type DriverChannel } from '@surehop/core/internal';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { methodFrame } from '../connection/frame-relay.ts';
import { frame, properties, shortString, uint64 } from './encoded.ts';
import { listeningTo } from './listening.ts';
import { type Client, ScriptedBroker } from './scripted-broker.ts';

interface Side {
  readonly channel: DriverChannel;
  readonly client: Client;
  readonly told: string[];
}

const sides: Side[] = [];
let broker: ScriptedBroker;

beforeAll(async () => {
  broker = await ScriptedBroker.start();
  for (const wire of ['fast', 'amqplib'] as const) {
    const { link, client } = await broker.dial(amqplibDriver({ wire }));
    const { listeners, told } = listeningTo();
    sides.push({ channel: await link.openChannel(listeners, AbortSignal.timeout(5_000)), client, told });
  }
});
afterAll(() => broker[Symbol.asyncDispose]());

/** What a broker sends: confirms, returned messages, deliveries, cancels and heartbeats. */
const frames = fc.oneof(
  fc.record({ tag: fc.nat(), multiple: fc.boolean(), stored: fc.boolean() }).map(({ tag, multiple, stored }) => {
    // nack has a second flag, which says nothing in a confirm.
    return methodFrame(1, stored ? '60.80' : '60.120', Buffer.concat([uint64(tag), Buffer.from([multiple ? 3 : 2])]));
  }),
  fc
    .string({ maxLength: 20 })
    .map((tag) => methodFrame(1, '60.30', Buffer.concat([shortString(tag), Buffer.alloc(1)]))),
  fc.constant(Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce])),
  fc.uint8Array({ maxLength: 300 }).map((body) => Buffer.concat([returned, ...content(body, named)])),
  fc
    .tuple(fc.uint8Array({ maxLength: 300 }), properties, fc.boolean())
    .map(([body, described, again]) => Buffer.concat([delivered(again), ...content(body, described)])),
);

test('tells the same as amqplib, wherever the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(frames, { minLength: 1, maxLength: 20 }),
      fc.array(fc.nat(), { maxLength: 8 }),
      async (sent, cuts) => {
        // The last one shows that everything before has been read.
        const bytes = Buffer.concat([
          ...sent,
          methodFrame(1, '60.80', Buffer.concat([uint64(2 ** 40), Buffer.alloc(1)])),
        ]);
        const places = [...cuts.map((cut) => cut % bytes.length), 0, bytes.length].toSorted(
          (one, other) => one - other,
        );
        const told = await Promise.all(sides.map((side) => read(side, bytes, places)));
        expect(told[0]).toEqual(told[1]);
      },
    ),
    { numRuns: 200 },
  );
}, 60_000);

async function read({ client, told }: Side, bytes: Buffer, places: readonly number[]): Promise<string[]> {
  told.length = 0;
  for (const [index, place] of places.entries()) {
    if (index === 0) continue;
    client.socket.write(bytes.subarray(places[index - 1], place));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect.poll(() => told.at(-1), { interval: 2 }).toBe(`confirm ${2 ** 40} stored`);
  return [...told];
}

const named = Buffer.concat([Buffer.from([0x00, 0x80]), shortString('id')]);

/** Header and body, in two body frames where there is enough. */
function content(body: Uint8Array, described: Uint8Array): Buffer[] {
  const header = Buffer.concat([Buffer.from([0, 60, 0, 0]), uint64(body.length), described]);
  const half = Math.floor(body.length / 2);
  const bodies = [body.subarray(0, half), body.subarray(half)].filter(({ length }) => length > 0);
  return [frame(2, header), ...bodies.map((part) => frame(3, part))];
}

const returned = methodFrame(
  1,
  '60.50',
  Buffer.concat([Buffer.from([1, 0x38]), shortString('NO_ROUTE'), shortString(''), shortString('q')]),
);

function delivered(again: boolean): Buffer {
  const fields = [shortString('tag'), uint64(7), Buffer.from([again ? 1 : 0]), shortString(''), shortString('q')];
  return methodFrame(1, '60.60', Buffer.concat(fields));
}
