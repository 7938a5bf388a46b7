import { expect, test } from 'vitest';
import { emptyForMs, longestMs, type Sample, Stillness, stuckAfterMs } from './stillness.ts';

const sample = (count: number, handled = 0): Sample => ({ counts: new Map([['orders', count]]), handled });

test('empty for a moment is not enough, empty for a while is', () => {
  const stillness = new Stillness(0);
  expect(stillness.isReached(sample(0), 0)).toBe(false);
  expect(stillness.isReached(sample(0), emptyForMs - 1)).toBe(false);
  expect(stillness.isReached(sample(0), emptyForMs)).toBe(true);
});

test('what came in between begins the while anew', () => {
  const stillness = new Stillness(0);
  stillness.isReached(sample(0), 0);
  stillness.isReached(sample(0, 1), emptyForMs - 1);
  expect(stillness.isReached(sample(0, 1), emptyForMs)).toBe(false);
  expect(stillness.isReached(sample(0, 1), 2 * emptyForMs)).toBe(true);
});

test('what is left is waited for as long as anything moves, and long after that', () => {
  const stillness = new Stillness(0);
  let now = 0;
  for (let count = 1_000; count > 995; count -= 1) {
    expect(stillness.isReached(sample(count), now)).toBe(false);
    now += stuckAfterMs - 1;
  }
  expect(stillness.isReached(sample(996), now)).toBe(false);
  expect(stillness.isReached(sample(996), now + 1)).toBe(true);
});

test('what goes round for ever is waited for half an hour', () => {
  const stillness = new Stillness(0);
  expect(stillness.isReached(sample(1, 1), longestMs - 1)).toBe(false);
  expect(stillness.isReached(sample(1, 2), longestMs)).toBe(true);
});
