import { expect, test } from 'vitest';
import { Gathering } from './gathering.ts';
import { HandClock } from './hand-clock.test-d.ts';

function gathering(most = 10) {
  const clock = new HandClock();
  const handed: number[] = [];
  const items = new Gathering<number>(clock, most, (item) => void handed.push(item));
  let next = 0;
  /** Gives it so many, and takes what was handed on. */
  const add = (count: number): number[] => {
    for (let index = 0; index < count; index += 1) {
      next += 1;
      items.add(next);
    }
    return handed.splice(0);
  };
  return { clock, items, add, taken: () => handed.splice(0) };
}

test('what comes one by one leaves at once', () => {
  const { clock, add } = gathering();
  for (let index = 0; index < 20; index += 1) {
    expect(add(1)).toHaveLength(1);
    clock.pass(2);
  }
  expect(clock.timers).toBe(0);
});

test('the first of what comes thick leave at once, what follows leaves together after 5 ms, in its order', () => {
  const { clock, add, taken } = gathering();
  expect(add(4)).toEqual([1, 2, 3, 4]);
  expect(add(3)).toEqual([]);
  clock.pass(3);
  expect(add(2)).toEqual([]);
  clock.pass(1.9);
  expect(taken()).toEqual([]);
  clock.pass(0.1);
  expect(taken()).toEqual([5, 6, 7, 8, 9]);
  expect(clock.timers).toBe(0);
});

test('as soon as there is enough of it, it leaves', () => {
  const { clock, add } = gathering(4);
  add(4);
  expect(add(3)).toEqual([]);
  expect(add(1)).toEqual([5, 6, 7, 8]);
  expect(clock.timers).toBe(0);
  expect(add(1)).toEqual([]); // it still comes thick
});

test('after a lull, and after few that left together, the next leaves at once', () => {
  const { clock, add, taken } = gathering();
  add(4);
  clock.pass(10);
  expect(add(1)).toEqual([5]);
  add(3);
  expect(add(3)).toEqual([]);
  clock.pass(5);
  expect(taken()).toHaveLength(3);
  expect(add(1)).toHaveLength(1);
});

test.each([0, 3])('where %i are enough, nothing waits', (most) => {
  const { clock, add } = gathering(most);
  expect(add(50)).toHaveLength(50);
  expect(clock.timers).toBe(0);
});

test('what is forgotten is not handed on, and leaves no timer', () => {
  const { clock, items, add, taken } = gathering();
  add(4);
  add(2);
  items.clear();
  clock.pass(20);
  expect([taken(), clock.timers]).toEqual([[], 0]);
});
