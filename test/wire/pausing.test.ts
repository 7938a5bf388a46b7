import type { ChannelListeners, DriverChannel } from '@surehop/core/internal';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { methodFrame } from '../connection/frame-relay.ts';
import { uint64 } from './encoded.ts';
import { type Client, ScriptedBroker } from './scripted-broker.ts';

const pausedMs = 200;
/** Frames of one channel in a row after which it may pause the connection. */
const inARow = 64;

interface Confirmed {
  readonly channel: DriverChannel;
  /** Sequences, and when each was told. */
  readonly told: number[];
  readonly at: number[];
}

let broker: ScriptedBroker;
let client: Client;
let first: Confirmed;
let second: Confirmed;
let close: () => Promise<void>;

beforeEach(async () => {
  broker = await ScriptedBroker.start();
  const dialled = await broker.dial();
  client = dialled.client;
  const open = async (): Promise<Confirmed> => {
    const [told, at]: [number[], number[]] = [[], []];
    const onConfirm = (sequence: number): void => {
      told.push(sequence);
      at.push(performance.now());
    };
    const listeners = { onConfirm, onClosed: () => undefined } as unknown as ChannelListeners;
    return { channel: await dialled.link.openChannel(listeners, AbortSignal.timeout(5_000)), told, at };
  };
  [first, second] = [await open(), await open()];
  close = () => dialled.link.close(AbortSignal.timeout(5_000));
});
afterEach(() => broker[Symbol.asyncDispose]());

/** So many confirms, in one piece, once they have been told. */
async function confirmed(to: Confirmed, number: number, count: number): Promise<void> {
  const frames = Array.from({ length: count }, (_, index) =>
    methodFrame(number, '60.80', Buffer.concat([uint64(index + 1), Buffer.alloc(1)])),
  );
  client.socket.write(Buffer.concat(frames));
  await expect.poll(() => to.told.length, { interval: 2 }).toBe(count);
}

/** One more comes: how long after the pause began it was told. */
async function toldAfter(to: Confirmed, number: number, begun: number): Promise<number> {
  const before = to.told.length;
  client.confirm(number, before + 1, false);
  await expect.poll(() => to.told.length, { interval: 2 }).toBe(before + 1);
  return (to.at.at(-1) as number) - begun;
}

describe('a channel that pauses reading', () => {
  test('is told what came meanwhile after that, all at once', async () => {
    await confirmed(first, 1, inARow);
    const begun = performance.now();
    first.channel.pauseReading(pausedMs);
    for (const sequence of [65, 66, 67]) {
      client.confirm(1, sequence, false);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => first.told.length, { interval: 2 }).toBe(inARow + 3);
    const [one, , last] = first.at.slice(inARow) as [number, number, number];
    expect(one - begun).toBeGreaterThanOrEqual(pausedMs - 1); // timers count whole milliseconds
    expect(last - one).toBeLessThan(20);
    expect(first.told.slice(inARow)).toEqual([65, 66, 67]);
  });

  test('is told at once again afterwards', async () => {
    await confirmed(first, 1, inARow);
    first.channel.pauseReading(pausedMs);
    await toldAfter(first, 1, 0);
    expect(await toldAfter(first, 1, performance.now())).toBeLessThan(pausedMs / 2);
  });

  test('does not where another channel has just been told something', async () => {
    await confirmed(first, 1, inARow);
    await confirmed(second, 2, 1);
    await toldAfter(first, 1, 0);
    first.channel.pauseReading(pausedMs);
    expect(await toldAfter(second, 2, performance.now())).toBeLessThan(pausedMs / 2);
  });

  test('does not before so much has come that waiting for more is worth it', async () => {
    await confirmed(first, 1, inARow - 1);
    first.channel.pauseReading(pausedMs);
    expect(await toldAfter(first, 1, performance.now())).toBeLessThan(pausedMs / 2);
  });

  test('does not keep its connection from closing', async () => {
    await confirmed(first, 1, inARow);
    const begun = performance.now();
    first.channel.pauseReading(pausedMs);
    await close();
    expect(performance.now() - begun).toBeLessThan(pausedMs + 1_000);
  });
});
