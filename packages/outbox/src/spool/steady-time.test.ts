import type { Clock } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { SteadyTime } from './steady-time.ts';

/** A clock that is set by hand: the machine's time of day jumps apart from it. */
function clockAt(at: { now: number; epochMs: number }): Clock {
  return { now: () => at.now, epochMs: () => at.epochMs } as Clock;
}

test('the spool’s time goes on while the machine’s clock jumps, to and fro', () => {
  const at = { now: 50, epochMs: 1_000_000 };
  const time = new SteadyTime(clockAt(at), 0);
  expect(time.now()).toBe(1_000_000);
  at.epochMs = 5;
  at.now += 10;
  expect(time.now()).toBe(1_000_010);
  at.epochMs = 10 ** 12;
  expect(time.now()).toBe(1_000_010);
});

test('it begins no earlier than an earlier process ended, whatever the clock says now', () => {
  expect(new SteadyTime(clockAt({ now: 0, epochMs: 1_000 }), 9_000).now()).toBe(9_000);
});
