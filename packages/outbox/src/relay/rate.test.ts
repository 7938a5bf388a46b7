import { expect, test } from 'vitest';
import { Rate } from './rate.ts';

test('counts the last ten seconds, the one that runs included', () => {
  const rate = new Rate();
  for (let second = 0; second < 20; second += 1) rate.add(50, second * 1_000);
  expect(rate.at(19_500)).toBe(50);
  expect(rate.at(24_999)).toBe(25);
  expect(rate.at(29_000)).toBe(0);
});

test('begins at nothing, also after a long silence', () => {
  const rate = new Rate();
  expect(rate.at(0)).toBe(0);
  rate.add(10, 1_000);
  expect(rate.at(1_000_000)).toBe(0);
  rate.add(10, 1_000_001);
  expect(rate.at(1_000_002)).toBe(1);
});
