import { writeSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Journal } from './journal.ts';
import { type JournalRecord, lineOf } from './record.ts';

const records: readonly JournalRecord[] = [
  { type: 'ready', at: 1 },
  { type: 'sent', number: 10_000_001, at: 2, deadlineAt: 30_002 },
  { type: 'resolved', number: 10_000_001, at: 3, sentAt: 2 },
  { type: 'rejected', number: 10_000_002, at: 4, code: 'SUREHOP_PUBLISH_UNKNOWN' },
  { type: 'handled', number: 10_000_001, at: 5, startedAt: 4 },
  { type: 'failed', number: 10_000_003, at: 6, how: 'retry-later' },
  { type: 'memory', at: 7, bytes: 123_456_789 },
  { type: 'unhandled', at: 8, text: 'Error: with spaces\n    and lines' },
  { type: 'closed', at: 9 },
];

let journal: Journal;

beforeEach(() => {
  journal = new Journal();
});

afterEach(() => journal.close());

test('what is written is read, once', () => {
  for (const record of records) writeSync(journal.descriptor, lineOf(record));
  expect([...journal.read()]).toEqual(records);
  expect([...journal.read()]).toEqual([]);
  expect(String(journal.bytes())).toBe(records.map(lineOf).join(''));
});

test('a line that is not complete yet comes with the next reading', () => {
  const line = lineOf({ type: 'handled', number: 7, at: 5, startedAt: 4 });
  writeSync(journal.descriptor, line.slice(0, 6));
  expect([...journal.read()]).toEqual([]);
  writeSync(journal.descriptor, line.slice(6));
  expect([...journal.read()]).toEqual([{ type: 'handled', number: 7, at: 5, startedAt: 4 }]);
});

test('what is no line of a journal is not passed over', () => {
  writeSync(journal.descriptor, 'nonsense\n');
  expect(() => [...journal.read()]).toThrow('not a line of a journal: nonsense');
});
