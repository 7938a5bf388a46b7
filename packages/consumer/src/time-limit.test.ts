import { expect, test } from 'vitest';
import { HandClock } from './hand-clock.test-d.ts';
import { type Limited, TimeLimit } from './time-limit.ts';

function limiting(limitMs: number) {
  const clock = new HandClock();
  const limit = new TimeLimit(clock, limitMs);
  const reached: [name: string, afterMs: number][] = [];
  const begin = (name: string): (() => void) => {
    const began = clock.now();
    const limited: Limited = {
      began,
      onLimit: () => {
        limit.end(place);
        reached.push([name, clock.now() - began]);
      },
    };
    const place = limit.begin(limited);
    return () => limit.end(place);
  };
  return { clock, limit, reached, begin };
}

test('each reaches the limit at its own time, with one timer for all', () => {
  const { clock, reached, begin } = limiting(100);
  begin('a');
  clock.pass(30);
  const endB = begin('b');
  begin('c');
  clock.pass(20);
  begin('d');
  expect(clock.timers).toBe(1);
  endB();
  clock.pass(1_000);
  expect(reached).toEqual([
    ['a', 100],
    ['c', 100],
    ['d', 100],
  ]);
  expect(clock.timers).toBe(0);
});

test('what ends in time never reaches it, and takes no timer of its own', () => {
  const { clock, reached, begin } = limiting(100);
  let timers = 0;
  for (let message = 0; message < 1_000; message += 1) {
    const end = begin('x');
    timers = Math.max(timers, clock.timers);
    clock.pass(1);
    end();
  }
  begin('last');
  clock.pass(1_000);
  expect(timers).toBe(1);
  expect(reached).toEqual([['last', 100]]);
});

test('nothing is left behind', () => {
  const { clock, limit, reached, begin } = limiting(100);
  begin('a');
  limit.after(50, () => reached.push(['own', 0]));
  limit.unwatch();
  expect(clock.timers).toBe(0);
  clock.pass(1_000);
  expect(reached).toEqual([]);
});

test('one that begins as another reaches its limit is limited as well, in whose place it may stand', () => {
  const { clock, limit, reached, begin } = limiting(100);
  const place = limit.begin({
    began: clock.now(),
    onLimit: () => {
      limit.end(place);
      begin('next');
    },
  });
  clock.pass(1_000);
  expect(reached).toEqual([['next', 100]]);
  expect(clock.timers).toBe(0);
});
