import { memoryPositionStore, type PositionStore } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import { opened, turn } from './gate-stage.test-d.ts';

describe('with a store', () => {
  /** Answers when it is told to. */
  function slowStore() {
    const inner = memoryPositionStore();
    const waiting: (() => void)[] = [];
    const saves: string[] = [];
    const store: PositionStore = {
      load: (name) => inner.load(name),
      save: (name, position) => {
        saves.push(`${name} ${position}`);
        return new Promise((resolve, reject) => {
          waiting.push(() => void inner.save(name, position).then(resolve, reject));
        });
      },
    };
    return { store, saves, answer: () => waiting.shift()?.() };
  }

  test('nothing is acknowledged before its number is stored, and the next one starts without waiting for that', async () => {
    const { store, saves, answer } = slowStore();
    const { deliver, atWork, done, settled } = opened({ store });
    for (const number of [1, 2, 3]) deliver(number);
    await turn();
    for (const _ of [1, 2, 3]) done();
    expect([atWork(), settled]).toEqual([[], []]);
    answer();
    await turn();
    expect(settled).toEqual(['m-1 ack']);
    answer();
    await turn();
    expect(settled).toEqual(['m-1 ack', 'm-2 ack', 'm-3 ack']);
    expect(saves).toEqual(['["orders","","k"] 1', '["orders","","k"] 3']);
  });

  test('another process goes on behind what was stored; what was delivered before is dropped, the rest laid aside', async () => {
    const store = memoryPositionStore();
    await store.save('["orders","","k"]', 2);
    const { deliver, atWork, settled, refused } = opened({ store });
    deliver(1, { redelivered: true });
    deliver(2);
    deliver(3);
    await turn();
    expect([atWork(), settled, refused]).toEqual([
      ['m-3'],
      ['m-1 ack', 'm-2 ack'],
      [expect.stringMatching(/^m-2: SUREHOP_SEQUENCE_PASSED/)],
    ]);
  });

  test('a sequence that nobody has seen begins at 1, so that a gap at its beginning is one', async () => {
    const { clock, deliver, lines, state } = opened({ store: memoryPositionStore(), onGap: 'halt' });
    deliver(2);
    await turn();
    for (let ms = 0; ms < 1_000; ms += 500) {
      clock.pass(500);
      await turn();
    }
    expect([lines, state.halts]).toEqual([['messages of a sequence are missing: the consumer halts: 1-1 time'], 1]);
  });

  test('what was given up stays so after a restart: it is laid aside, not taken for done', async () => {
    const store = memoryPositionStore();
    const before = opened({ store, maxBuffered: 2 });
    before.deliver(2);
    before.deliver(3);
    await turn();
    before.done();
    await turn();
    const after = opened({ store });
    after.deliver(1, { redelivered: true });
    await turn();
    expect(after.refused).toEqual([expect.stringMatching(/^m-1: /)]);
  });

  test('two consumers of one queue keep the order between them', async () => {
    const store = memoryPositionStore();
    const [one, other] = [opened({ store }), opened({ store })];
    for (const number of [1, 3]) one.deliver(number);
    for (const number of [2, 4]) other.deliver(number);
    const order: string[] = [];
    for (let times = 0; times < 6 && order.length < 4; times += 1) {
      for (const { atWork, done, clock } of [one, other]) {
        await turn();
        order.push(...atWork().map(String));
        done();
        await turn();
        clock.pass(500);
      }
    }
    expect(order).toEqual(['m-1', 'm-2', 'm-3', 'm-4']);
  });

  test('a copy that fails here while another consumer handles the message is settled, and not tried again', async () => {
    const store = memoryPositionStore();
    const { clock, first, deliver, atWork, settled } = opened({ store });
    deliver(1, { redelivered: true });
    deliver(2);
    await turn();
    await store.save('["orders","","k"]', 1);
    deliver(2, {}, { ...first }); // through another subscription: the store is asked
    await turn();
    first.entered.shift()?.again?.({}, 5_000);
    clock.pass(10_000);
    expect([atWork(), settled]).toEqual([['m-2'], ['m-2 ack', 'm-1 ack']]);
  });

  test('a store that fails is asked again, and nothing is acknowledged meanwhile', async () => {
    const inner = memoryPositionStore();
    let isDown = true;
    const down = async (): Promise<never> => Promise.reject(new Error('no store'));
    const store: PositionStore = {
      load: (name) => (isDown ? Promise.resolve('7' as never) : inner.load(name)), // no number

      save: (name, position) => (isDown ? down() : inner.save(name, position)),
    };
    const { clock, deliver, atWork, done, settled } = opened({ store });
    deliver(1);
    await turn();
    expect(atWork()).toEqual([]);
    const passes = async (): Promise<void> => {
      for (let times = 0; times < 20; times += 1) {
        clock.pass(1_000);
        await turn();
      }
    };
    isDown = false;
    await passes();
    isDown = true;
    done();
    await passes();
    expect(settled).toEqual([]);
    isDown = false;
    await passes();
    expect([settled, await inner.load('["orders","","k"]')]).toEqual([['m-1 ack'], 1]);
  });
});
