import type { Logger, PositionStore } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import { HandClock } from '../hand-clock.test-d.ts';
import { PositionKeeper } from './position-keeper.ts';

const silent = { warn: () => undefined, info: () => undefined } as unknown as Logger;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function kept({ saveEvery = 3, saveAfterMs = 100 } = {}) {
  const clock = new HandClock();
  const saves: number[] = [];
  const answers: ((error?: Error) => void)[] = [];
  const store: PositionStore = {
    load: async () => undefined,
    save: (_name, position) => {
      saves.push(position);
      return new Promise((resolve, reject) => {
        answers.push((error) => (error === undefined ? resolve() : reject(error)));
      });
    },
  };
  const options = { store, key: 'k', saveEvery, saveAfterMs, answerMs: 10_000, clock, random: () => 1, log: silent };
  const keeper = new PositionKeeper(options);
  const answer = async (error?: Error): Promise<void> => {
    answers.shift()?.(error);
    await turn();
  };
  return { clock, saves, keeper, answer };
}

describe('a position', () => {
  test('is saved after so many messages, one save at a time, each with the newest', async () => {
    const { saves, keeper, answer } = kept();
    for (const offset of [1, 2, 3]) keeper.reached(offset);
    expect(saves).toEqual([4]); // what is to be read next
    for (const offset of [4, 5, 6, 7]) keeper.reached(offset);
    expect(saves).toEqual([4]);
    expect([keeper.position, keeper.saved]).toEqual([7, undefined]);
    await answer();
    expect(keeper.saved).toBe(3);
    expect(saves).toEqual([4, 8]);
  });

  test('is saved after so much time where fewer came', async () => {
    const { clock, saves, keeper, answer } = kept();
    keeper.reached(1);
    clock.pass(60);
    keeper.reached(2);
    clock.pass(39);
    expect(saves).toEqual([]);
    clock.pass(1);
    expect(saves).toEqual([3]);
    await answer();
    expect(clock.timers).toBe(1); // the time limit of the save alone
  });

  test('that could not be saved is tried again, with what was reached meanwhile', async () => {
    const { clock, saves, keeper, answer } = kept({ saveEvery: 1 });
    keeper.reached(1);
    await answer(new Error('no disk'));
    expect(keeper).toMatchObject({ isFailing: true, failure: { message: 'no disk' } });
    for (const offset of [2, 3, 4]) keeper.reached(offset);
    expect(saves).toEqual([2]);
    clock.pass(200);
    expect(saves).toEqual([2, 5]);
    await answer();
    expect(keeper).toMatchObject({ isFailing: false, failure: undefined, saved: 4 });
  });

  test('whose save is not answered is tried again', async () => {
    const { clock, saves, keeper } = kept({ saveEvery: 1 });
    keeper.reached(1);
    clock.pass(10_000);
    await turn();
    clock.pass(200);
    expect(saves).toEqual([2, 2]);
  });

  test('before anything was read is kept at once, also where nothing lies before it', async () => {
    const { clock, saves, keeper, answer } = kept();
    const keeping = keeper.keep(0, AbortSignal.timeout(5_000));
    expect([saves, keeper.isSaved]).toEqual([[0], false]);
    await answer(new Error('no disk'));
    clock.pass(200);
    await answer();
    await keeping;
    expect([saves, keeper.isSaved, keeper.position, keeper.saved]).toEqual([[0, 0], true, undefined, undefined]);
    keeper.close();
  });

  test('is flushed at the end, also what was reached while a save ran, or after one that failed', async () => {
    const { keeper, saves, answer } = kept({ saveEvery: 2 });
    keeper.reached(1);
    keeper.reached(2);
    keeper.reached(3);
    const flushed = keeper.flush(AbortSignal.timeout(5_000));
    await answer();
    await answer();
    await flushed;
    expect(saves).toEqual([3, 4]);
    keeper.reached(4);
    const late = keeper.flush(AbortSignal.timeout(20));
    await answer(new Error('no disk'));
    await expect(late).rejects.toMatchObject({ name: 'TimeoutError' });
    const again = keeper.flush(AbortSignal.timeout(5_000));
    await answer();
    await again;
    expect(keeper.saved).toBe(4);
    keeper.close();
  });

  test.each([
    ['fails', new Error('no disk')],
    ['succeeds', undefined],
  ])('is not saved any more once closed, though the save that is under way %s', async (_what, error) => {
    const { clock, saves, keeper, answer } = kept({ saveEvery: 1 });
    keeper.reached(1);
    keeper.reached(2);
    keeper.close();
    await answer(error);
    clock.pass(60_000);
    expect([saves, clock.timers]).toEqual([[2], 0]);
  });
});
