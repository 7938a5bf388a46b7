import { expect, test } from 'vitest';
import { MemorySequenceStore } from './memory-sequence-store.ts';

function opened(most?: number) {
  const runs = ['run-4', 'run-3', 'run-2', 'run-1'];
  const store = new MemorySequenceStore(() => runs.pop() ?? '', most);
  return { store, numbers: (...messageIds: string[]) => messageIds.map((id) => store.take('s', id).number) };
}

test('each new message id gets the next number, one that has a number the same', () => {
  const { store, numbers } = opened();
  expect(numbers('a', 'b', 'a', 'c')).toEqual([1, 2, 1, 3]);
  expect(store.take('another', 'a')).toMatchObject({ run: 'run-2', number: 1 });
});

test('says whether an id had its number before', () => {
  const { store } = opened();
  const isNew = (id: string): boolean => store.take('s', id).isNew;
  expect(['a', 'b', 'a'].map(isNew)).toEqual([true, true, false]);
  store.notStored('s', 'a'); // not the last one: it stays with its id
  expect(['a', 'a'].map(isNew)).toEqual([true, false]);
});

test('the last number is given to the next message when it was not used', () => {
  const { store, numbers } = opened();
  numbers('a', 'b');
  store.notStored('s', 'b');
  expect(numbers('c', 'b')).toEqual([2, 3]);
});

test('one in the middle stays with its message; when those behind it are not used either, all are given again', () => {
  const { store, numbers } = opened();
  numbers('a', 'b', 'c');
  store.notStored('s', 'b');
  expect(numbers('d', 'b')).toEqual([4, 2]);
  for (const id of ['c', 'd']) store.notStored('s', id);
  expect(numbers('e')).toEqual([3]);
  for (const id of ['a', 'b', 'e']) store.notStored('s', id);
  expect(numbers('f')).toEqual([1]);
});

test('of a sequence that was forgotten begins another numbering; old ids are forgotten first', () => {
  const { store } = opened(2);
  const first = store.take('s', 'a');
  for (const id of ['b', 'c']) store.take('s', id);
  store.notStored('s', 'a'); // nobody knows it any more
  expect(store.take('s', 'a').number).toBe(4);
  for (const name of ['t', 'u']) store.take(name, 'a');
  const again = store.take('s', 'b');
  expect([again.number, again.run === first.run]).toEqual([1, false]);
});

test('whatever becomes of the messages: when all that were not stored are published again, no number is missing or given twice', () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    let state = seed;
    const below = (end: number): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state % end;
    };
    const { store } = opened();
    const numbers = new Map<string, number>();
    const take = (id: string): void => void numbers.set(id, store.take('s', id).number);
    for (let step = 0; step < 60; step += 1) {
      const id = `m-${below(3) === 0 ? below(step + 1) : step}`;
      if (!numbers.has(id) || below(4) === 0) take(id);
      else if (below(2) === 0) store.notStored('s', id);
    }
    for (const id of numbers.keys()) take(id);
    const given = [...numbers.values()].toSorted((one, other) => one - other);
    expect([seed, given]).toEqual([seed, Array.from({ length: numbers.size }, (_, index) => index + 1)]);
  }
});
