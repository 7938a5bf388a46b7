import { expect, test } from 'vitest';
import { History, type HistoryEvent, type Remaining } from './history.ts';

function reportOf(events: readonly HistoryEvent[], remaining: readonly Remaining[] = [], excused: string[] = []) {
  const history = new History();
  for (const event of events) history.add(event);
  return history.report(remaining, new Set(excused));
}

const published = (id: string): HistoryEvent => ({ kind: 'published', id, at: 0, dueAt: 100 });
const resolved = (id: string, at = 10): HistoryEvent => ({ kind: 'resolved', id, at });
const rejected = (id: string, stored: 'no' | 'unknown'): HistoryEvent => ({ kind: 'rejected', id, at: 10, stored });
const handled = (id: string): HistoryEvent => ({ kind: 'handled', id, at: 20 });
const dead = (id: string): HistoryEvent => ({ kind: 'dead-lettered', id, at: 20 });

test('what was promised and never came is lost', () => {
  const { lost } = reportOf(
    [...['a', 'b', 'c', 'd'].flatMap((id) => [published(id), resolved(id)]), handled('a'), dead('b')],
    [{ id: 'c', queue: 'orders' }],
  );
  expect(lost).toEqual(['d']);
});

test('what was published before a queue was deleted by hand is not lost; what came after is', () => {
  const history = new History();
  for (const event of [published('a'), resolved('a')]) history.add(event);
  history.forgive();
  for (const event of [published('b'), resolved('b')]) history.add(event);
  expect(history.report([])).toMatchObject({ resolved: 2, lost: ['b'] });
});

test('what is told as not stored and comes all the same is a phantom; what is unknown may come', () => {
  const events = ['a', 'b', 'c'].flatMap((id) => [published(id), rejected(id, 'no')]);
  const { phantom, rejected: counts } = reportOf([
    ...events,
    handled('a'),
    dead('b'),
    published('d'),
    rejected('d', 'unknown'),
    handled('d'),
  ]);
  expect(phantom).toEqual(['a', 'b']);
  expect(counts).toEqual({ notStored: 3, unknown: 1 });
});

test('what has not settled when it is due hangs, unless its process was killed', () => {
  const { hung } = reportOf(
    [published('a'), published('b'), published('c'), resolved('c', 101), handled('c')],
    [],
    ['b'],
  );
  expect(hung).toEqual(['a', 'c']);
});

test('handling again is a duplicate; what stays in a queue is stuck; strangers count for nothing', () => {
  const report = reportOf(
    [handled('a'), published('a'), resolved('a'), handled('a'), handled('a'), handled('stranger')],
    [
      { id: 'a', queue: 'orders.retry.1000' },
      { id: 'stranger', queue: 'orders' },
    ],
  );
  expect(report).toMatchObject({ duplicates: 2, handled: 1, stuck: [{ id: 'a', queue: 'orders.retry.1000' }] });
});
