import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fullJitter } from './backoff.ts';

test('full jitter stays between nothing and the doubling ceiling', () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(unit, fc.integer({ min: 1, max: 1_000 }), (random, attempt) => {
      const delayMs = fullJitter({ baseMs: 100, maxMs: 2_000, random: () => random })(attempt);
      expect(delayMs).toBeGreaterThanOrEqual(0);
      expect(delayMs).toBeLessThan(Math.min(2_000, 100 * 2 ** (attempt - 1)));
    }),
  );
});

test('the ceiling doubles until it reaches the longest delay', () => {
  const almostOne = (): number => 0.999_999;
  const backoff = fullJitter({ baseMs: 100, maxMs: 2_000, random: almostOne });
  expect([1, 2, 3, 4, 5, 6, 7].map(backoff)).toEqual([99, 199, 399, 799, 1_599, 1_999, 1_999]);
});
