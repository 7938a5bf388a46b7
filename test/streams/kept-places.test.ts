import { createStreamReader, memoryPositionStore, type PositionStore } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { type Stage, stage } from '../consuming/stage.ts';
import { events, numbers, publish } from './log.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

/** Starts a reader that dies as soon as it has started: the store hears nothing more of it. */
async function begunAndDied(on: Stage, store: PositionStore, from: 'next' | 'last'): Promise<void> {
  let isDead = false;
  const mortal: PositionStore = {
    load: (name) => store.load(name),
    save: async (name, position) => (isDead ? undefined : store.save(name, position)),
  };
  const reader = await createStreamReader(on.rabbit, events, () => undefined, { from, store: mortal });
  isDead = true;
  await reader.close();
}

describe('a place that was found out is kept before anything is read:', () => {
  test.each(['next', 'last'] as const)('%s, of an empty stream', async (from) => {
    await using on = await stage(broker);
    const store = memoryPositionStore();
    await begunAndDied(on, store, from);
    await publish(on.rabbit, events, numbers(0, 1));
    await publish(on.rabbit, events, numbers(2, 3));
    const seen: unknown[] = [];
    await using _reader = await createStreamReader(on.rabbit, events, ({ body }) => void seen.push(body), {
      from,
      store,
    });
    await eventually(() => expect(seen).toEqual(numbers(0, 3)));
  });

  test.each([
    ['next', 5],
    ['last', 4],
  ] as const)('%s, of one with messages', async (from, first) => {
    await using on = await stage(broker);
    const store = memoryPositionStore();
    for (const number of numbers(0, 4)) await publish(on.rabbit, events, [number]);
    await begunAndDied(on, store, from);
    for (const number of numbers(5, 6)) await publish(on.rabbit, events, [number]);
    const seen: unknown[] = [];
    await using _reader = await createStreamReader(on.rabbit, events, ({ body }) => void seen.push(body), {
      from,
      store,
    });
    await eventually(() => expect(seen).toEqual(numbers(first, 6)));
  });

  test('where the store does not take it, the reader does not start', async () => {
    await using on = await stage(broker);
    const store: PositionStore = {
      load: async () => undefined,
      save: () => Promise.reject(new Error('no disk')),
    };
    const seen: unknown[] = [];
    const reading = createStreamReader(on.rabbit, events, ({ body }) => void seen.push(body), {
      from: 'next',
      store,
      startTimeoutMs: 3_000,
    });
    await expect(reading).rejects.toMatchObject({
      code: 'SUREHOP_STORE_UNAVAILABLE',
      cause: { message: 'no disk' },
    });
    await publish(on.rabbit, events, [0]);
    expect([seen, on.rabbit.health().readers]).toEqual([[], []]);
  });
});

describe('an offset that was asked for', () => {
  test('may be the next one that the stream will have, and none behind that', async () => {
    await using on = await stage(broker);
    await publish(on.rabbit, events, numbers(0, 4));
    const seen: unknown[] = [];
    const read = ({ body }: { body: unknown }): void => void seen.push(body);
    await expect(createStreamReader(on.rabbit, events, read, { from: 6 })).rejects.toMatchObject({
      code: 'SUREHOP_STREAM_OFFSET_GONE',
      wantedOffset: 6,
      firstOffset: 0,
      lastOffset: 4,
      message: expect.stringContaining('the last one 4;'),
    });
    await using _reader = await createStreamReader(on.rabbit, events, read, { from: 5 });
    await publish(on.rabbit, events, numbers(5, 6));
    await eventually(() => expect(seen).toEqual([5, 6]));
  });

  test('is the first one, in an empty stream', async () => {
    await using on = await stage(broker);
    const seen: unknown[] = [];
    const read = ({ body }: { body: unknown }): void => void seen.push(body);
    await expect(createStreamReader(on.rabbit, events, read, { from: 1 })).rejects.toMatchObject({
      code: 'SUREHOP_STREAM_OFFSET_GONE',
      wantedOffset: 1,
      firstOffset: undefined,
    });
    await using _reader = await createStreamReader(on.rabbit, events, read, { from: 0 });
    await publish(on.rabbit, events, numbers(0, 1));
    await eventually(() => expect(seen).toEqual([0, 1]));
  });
});
