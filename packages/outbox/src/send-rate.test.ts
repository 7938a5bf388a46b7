import { expect, test } from 'vitest';
import { SendRate } from './send-rate.ts';

test('a rate is that of the last ten whole seconds', () => {
  let now = 0;
  const rate = new SendRate({ now: () => now });
  for (let count = 0; count < 50; count += 1) rate.note();
  expect(rate.perSecond()).toBe(0);
  now = 1_000;
  expect(rate.perSecond()).toBe(5);
  rate.note(10);
  now = 9_500;
  expect(rate.perSecond()).toBe(6);
  now = 11_000;
  expect(rate.perSecond()).toBe(1);
  now = 10 ** 9;
  expect(rate.perSecond()).toBe(0);
});
