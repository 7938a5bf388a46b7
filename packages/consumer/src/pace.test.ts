import { expect, test } from 'vitest';
import { HandClock } from './hand-clock.test-d.ts';
import { Pace } from './pace.ts';

/** The pauses after subscriptions that lived so long, in milliseconds. */
function pausesAfter(livesMs: readonly number[]): number[] {
  const clock = new HandClock();
  const pace = new Pace(clock);
  return livesMs.map((lifeMs) => {
    pace.opened();
    clock.pass(lifeMs);
    return pace.replaced();
  });
}

test('two replacements follow each other at once, more do not', () => {
  expect(pausesAfter([10, 10, 10, 10, 10, 10, 10])).toEqual([0, 0, 100, 200, 400, 500, 500]);
});

test('a subscription that lived for a second starts over', () => {
  expect(pausesAfter([10, 10, 10, 1_000, 10, 10, 10])).toEqual([0, 0, 100, 0, 0, 0, 100]);
});
