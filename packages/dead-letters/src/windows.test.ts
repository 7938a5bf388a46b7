import { expect, test } from 'vitest';
import { nextWindow } from './windows.ts';

test.each([
  [0, 0, 10],
  [1, 0, 2_000],
  [1, 1_000, 2_000],
  [5, 64 * 1_024, 256],
  [5, 10 * 1_024 * 1_024, 1],
  [5, 100 * 1_024 * 1_024, 1],
])('after %i windows of bodies of %i bytes comes one of %i', (windows, meanBytes, size) => {
  expect(nextWindow(windows, meanBytes)).toBe(size);
});
