import { expect, test } from 'vitest';
import { Remembered } from './remembered.ts';
import { seeded, shuffled } from './seeded.test-d.ts';
import { type Numbered, Sequence } from './sequence.ts';

const one = (number: number, id = `m-${number}`): Numbered => ({ number, id });

function sequence(): Sequence<Numbered> {
  return new Sequence('orders', new Remembered(100));
}

/** Takes and settles all that can be. */
function drained(from: Sequence<Numbered>): number[] {
  const numbers: number[] = [];
  for (let next = from.take(); next !== undefined; next = from.take()) {
    numbers.push(next.number);
    from.settled(next);
  }
  return numbers;
}

test('whatever the interleaving, with duplicates and repeats, each comes out once and in its order', () => {
  for (let seed = 1; seed <= 2_000; seed += 1) {
    const below = seeded(seed);
    const keys = 1 + below(4);
    const sequences = Array.from({ length: keys }, sequence);
    const published = sequences.map((_, key) => ({ key, count: 1 + below(20) }));
    const all = published.flatMap(({ key, count }) =>
      Array.from({ length: count }, (_, index) => ({ key, message: one(index + 1) })),
    );
    const copies = all.filter(() => below(4) === 0).map(({ key, message }) => ({ key, message: { ...message } }));
    const out = sequences.map(() => [] as number[]);
    const atWork = sequences.map(() => undefined as Numbered | undefined);
    const step = (key: number): void => {
      const working = atWork[key];
      if (working === undefined) {
        atWork[key] = sequences[key]?.take();
      } else if (below(3) === 0) {
        sequences[key]?.again(working);
        atWork[key] = undefined;
      } else {
        out[key]?.push(working.number);
        sequences[key]?.settled(working);
        atWork[key] = undefined;
      }
    };
    for (const { key, message } of shuffled([...all, ...copies], below)) {
      sequences[key]?.arrive(message);
      for (let steps = below(4); steps > 0; steps -= 1) step(below(keys));
    }
    const isIdle = (): boolean => sequences.every((each) => each.isIdle);
    while (!isIdle()) step(below(keys));
    expect([seed, out]).toEqual([
      seed,
      published.map(({ count }) => Array.from({ length: count }, (_, index) => index + 1)),
    ]);
  }
});

test('the next one is taken only when the one before is settled', () => {
  const numbers = sequence();
  for (const number of [3, 1, 2]) expect(numbers.arrive(one(number))).toBe('kept');
  const first = numbers.take();
  expect([first?.number, numbers.take()]).toEqual([1, undefined]);
  expect(numbers.again(first as Numbered)).toBe('kept');
  expect(drained(numbers)).toEqual([1, 2, 3]);
});

test('a duplicate is told by its id, wherever the first one is; another message of the number is none', () => {
  const numbers = sequence();
  numbers.arrive(one(1));
  numbers.arrive(one(3));
  expect([numbers.arrive(one(3)), numbers.arrive(one(3, 'other'))]).toEqual(['duplicate', 'taken']);
  const first = numbers.take() as Numbered;
  expect([numbers.arrive(one(1)), numbers.arrive(one(1, 'other'))]).toEqual(['duplicate', 'taken']);
  numbers.settled(first);
  expect([numbers.arrive(one(1)), numbers.arrive(one(1, 'other'))]).toEqual(['duplicate', 'taken']);
});

test('of what is behind and not remembered, nobody knows what it was', () => {
  const numbers = new Sequence<Numbered>('orders', new Remembered(1));
  for (const number of [1, 2]) numbers.arrive(one(number));
  drained(numbers);
  expect([numbers.arrive(one(1)), numbers.arrive(one(2))]).toEqual(['passed', 'duplicate']);
});

test('a gap is what is missing before the lowest that is kept, and only while none is at work', () => {
  const numbers = sequence();
  expect(numbers.gap).toBeUndefined();
  for (const number of [1, 5, 7]) numbers.arrive(one(number));
  expect(numbers.gap).toBeUndefined();
  const first = numbers.take() as Numbered;
  expect(numbers.gap).toBeUndefined();
  numbers.settled(first);
  expect(numbers.gap).toEqual({ from: 2, to: 4 });
  expect(numbers.reach(4)).toEqual([]);
  expect(drained(numbers)).toEqual([5]);
  expect(numbers.gap).toEqual({ from: 6, to: 6 });
});

test('what somebody else has reached is given out, and it never goes back', () => {
  const numbers = sequence();
  for (const number of [2, 3, 5]) numbers.arrive(one(number));
  expect(numbers.reach(3).map(({ number }) => number)).toEqual([2, 3]);
  expect([numbers.reach(1), numbers.last]).toEqual([[], 3]);
  numbers.arrive(one(4));
  expect(drained(numbers)).toEqual([4, 5]);
});

test('one that left may come again, and settling it late changes nothing', () => {
  const numbers = sequence();
  numbers.arrive(one(1));
  const lost = numbers.take() as Numbered;
  numbers.leave(lost);
  expect([numbers.settled(lost), numbers.again(lost), numbers.last]).toEqual([false, undefined, undefined]);
  expect(numbers.arrive(one(1))).toBe('kept');
  expect(drained(numbers)).toEqual([1]);
});

test('one that fails while somebody else settles its number is not tried again, and stands in nobody’s way', () => {
  const numbers = sequence();
  for (const number of [1, 5]) numbers.arrive(one(number));
  const failing = numbers.take() as Numbered;
  numbers.reach(4);
  expect(numbers.again(failing)).toBe('passed');
  expect([numbers.gap, drained(numbers)]).toEqual([undefined, [5]]);
});
