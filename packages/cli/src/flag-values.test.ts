import { expect, test } from 'vitest';
import { count, durationMs, durationsMs } from './flag-values.ts';

test.each([
  ['500ms', 500],
  ['1.5s', 1_500],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
])('%s is %i ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test.each(['5', 's', '-1s', '1 s', '', '0.0001ms'])('%j is no duration', (text) => {
  expect(() => durationMs(text)).toThrow(/duration/);
});

test('a list may be empty', () => {
  expect(durationsMs('')).toEqual([]);
  expect(durationsMs('1s, 10s')).toEqual([1_000, 10_000]);
});

test.each(['0', '-1', '1.5', 'x', ''])('%j is no count', (text) => {
  expect(() => count(text)).toThrow(/at least 1/);
});
