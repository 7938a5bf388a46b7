import type { Clock } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { Wakeup } from './wakeup.ts';

/** A clock by hand: timers fire when they are told to. */
function handClock(): { readonly clock: Clock; readonly timers: (() => void)[] } {
  const timers: (() => void)[] = [];
  const setTimeout: Clock['setTimeout'] = (callback) => {
    timers.push(callback);
    return () => timers.splice(timers.indexOf(callback), 1);
  };
  return { clock: { setTimeout } as Clock, timers };
}

test('a call while nobody waits counts for the next wait, and for no other', async () => {
  const { clock, timers } = handClock();
  const wakeup = new Wakeup(clock);
  wakeup.wake();
  expect(await wakeup.wait(1_000)).toBe(true);
  const waiting = wakeup.wait(1_000);
  expect(timers).toHaveLength(1);
  timers[0]?.();
  expect(await waiting).toBe(false);
});

test('a call ends a wait, and its timer', async () => {
  const { clock, timers } = handClock();
  const wakeup = new Wakeup(clock);
  const waiting = wakeup.wait(1_000);
  wakeup.wake();
  await waiting;
  expect(timers).toEqual([]);
});

test('a rest is not cut short by what was called before it', async () => {
  const { clock, timers } = handClock();
  const wakeup = new Wakeup(clock);
  wakeup.wake();
  const resting = wakeup.rest(1_000);
  expect(timers).toHaveLength(1);
  wakeup.wake();
  await resting;
});
