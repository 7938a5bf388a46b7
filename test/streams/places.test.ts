import { connect, createStreamReader, memoryPositionStore, type PositionStore } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { gate, stage } from '../consuming/stage.ts';
import { events, numbers, overfill, publish, shortLog } from './log.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const backSoon = { timeout: 15_000 };

describe('what is gone', () => {
  test('is an error with the first offset that exists, and nothing is skipped; or the reader begins where it was told', async () => {
    await using on = await stage(broker);
    const store = memoryPositionStore();
    const seen: number[] = [];
    await publish(on.rabbit, shortLog, [1]);
    const read = ({ offset }: { offset: number }) => void seen.push(offset);
    const early = await createStreamReader(on.rabbit, shortLog, read, { store });
    await eventually(() => expect(seen).toEqual([0]));
    await early.close();
    await eventually(async () => {
      await overfill(on.rabbit);
      const gone = await createStreamReader(on.rabbit, shortLog, read, { from: 1 }).catch((thrown: unknown) => thrown);
      expect(gone).toMatchObject({ code: 'SUREHOP_STREAM_OFFSET_GONE', retryable: false, wantedOffset: 1 });
    }, 20_000);
    const stored = await createStreamReader(on.rabbit, shortLog, read, { store }).catch((thrown: unknown) => thrown);
    expect(stored).toMatchObject({ code: 'SUREHOP_STREAM_OFFSET_GONE', stream: 'short', wantedOffset: 1 });
    const { firstOffset } = stored as { firstOffset: number };
    expect(firstOffset).toBeGreaterThan(100);
    expect(String(stored)).toContain(`the first one that exists is ${firstOffset}`);
    expect(seen).toEqual([0]);
    expect(on.rabbit.health().readers).toEqual([]);
    await using _reader = await createStreamReader(on.rabbit, shortLog, read, { store, whenGone: 'first' });
    await eventually(() => expect(seen.length).toBeGreaterThan(30));
    expect(seen[1]).toBeGreaterThanOrEqual(firstOffset);
    expect(on.lines.some(({ message }) => message.includes('the reader begins elsewhere, as it was told'))).toBe(true);
  }, 60_000);

  test('in a stream that was deleted and made again is told, whatever whenGone says: its offsets are others', async () => {
    await using on = await stage(broker);
    const store = memoryPositionStore();
    await store.save('events/reader', 51);
    await publish(on.rabbit, events, numbers(0, 4));
    const reading = createStreamReader(on.rabbit, events, () => undefined, { store, whenGone: 'first' });
    await expect(reading).rejects.toMatchObject({
      code: 'SUREHOP_STREAM_OFFSET_GONE',
      wantedOffset: 51,
      firstOffset: 0,
    });
  }, 30_000);
});

describe('a reader comes back', () => {
  test('after its connection was cut, at the message behind the one in hand, which it goes on handling', async () => {
    await using on = await stage(broker);
    const held = gate();
    const seen: unknown[] = [];
    await publish(on.rabbit, events, numbers(0, 9));
    const handler = async ({ body }: { body: unknown }) => {
      seen.push(body);
      if (body === 4) await held.opened;
    };
    await using reader = await createStreamReader(on.rabbit, events, handler);
    await eventually(() => expect(seen).toHaveLength(5));
    on.proxy.cut();
    await eventually(() => expect(reader.health().phase).toBe('subscribing'));
    await eventually(
      () => expect(on.lines.some(({ message }) => message === 'reading again')).toBe(true),
      backSoon.timeout,
    );
    held.open();
    await eventually(() => expect(reader.health().position).toBe(9), backSoon.timeout);
    expect(seen).toEqual(numbers(0, 9));
  }, 30_000);

  test('to what was published while it had no subscription, also when it had read nothing before', async () => {
    await using on = await stage(broker);
    await publish(on.rabbit, events, numbers(0, 9));
    const seen: unknown[] = [];
    await using _reader = await createStreamReader(on.rabbit, events, ({ body }) => void seen.push(body), {
      from: 'next',
    });
    on.proxy.refuse();
    on.proxy.cut();
    await using beside = await connect({ url: on.vhost.url() });
    await publish(beside, events, numbers(10, 12));
    on.proxy.heal();
    await eventually(() => expect(seen).toEqual([10, 11, 12]), backSoon.timeout);
  }, 30_000);

  test('and is told of a stream that was deleted meanwhile', async () => {
    await using on = await stage(broker);
    await publish(on.rabbit, events, numbers(0, 2));
    await using reader = await createStreamReader(on.rabbit, events, () => undefined);
    await eventually(() => expect(reader.health().position).toBe(2));
    await on.vhost.deleteQueue('events');
    await eventually(() => expect(reader.health().fault).toBe('SUREHOP_STREAM_OFFSET_GONE'), 25_000);
    expect(on.rabbit.health().status).toBe('degraded');
  }, 40_000);
});

describe('the store', () => {
  test('that takes no positions does not stop the reader, and health() says so', async () => {
    await using on = await stage(broker);
    const kept = memoryPositionStore();
    let isDown = true;
    const store: PositionStore = {
      load: (name) => kept.load(name),
      save: (name, position) => (isDown ? Promise.reject(new Error('no disk')) : kept.save(name, position)),
    };
    await publish(on.rabbit, events, numbers(0, 9));
    const reader = await createStreamReader(on.rabbit, events, () => undefined, { store, saveAfterMs: 1 });
    await eventually(() => expect(reader.health()).toMatchObject({ position: 9, isStoreFailing: true }));
    expect(on.rabbit.health().status).toBe('degraded');
    isDown = false;
    await eventually(() => expect(reader.health()).toMatchObject({ savedPosition: 9, isStoreFailing: false }), 5_000);
    await reader.close();
  });

  test('that does not answer is waited for, and then it is the error', async () => {
    await using on = await stage(broker);
    const store: PositionStore = { load: () => Promise.reject(new Error('no disk')), save: () => Promise.resolve() };
    const reading = createStreamReader(on.rabbit, events, () => undefined, { store, startTimeoutMs: 300 });
    await expect(reading).rejects.toMatchObject({ code: 'SUREHOP_STORE_UNAVAILABLE', retryable: true });
    expect(on.rabbit.health().readers).toEqual([]);
  });
});
