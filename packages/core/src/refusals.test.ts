import { expect, test } from 'vitest';
import { Refusals } from './refusals.ts';

test('refusals without anything stored in between are too many after 2 s, on one channel', () => {
  let now = 0;
  const refusals = new Refusals({ now: () => now });
  const after = (ms: number, stored?: boolean): boolean => {
    now += ms;
    if (stored !== undefined) refusals.answered(stored);
    return refusals.areTooMany;
  };
  expect([after(5_000), after(0, false), after(1_999, false), after(1, false)]).toEqual([false, false, false, true]);
  expect([after(0, true), after(0, false), after(1_999)]).toEqual([false, false, false]);
  refusals.opened();
  expect(after(1_000)).toBe(false);
});
