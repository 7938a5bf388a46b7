import { expect, test } from 'vitest';
import { evidenceOf, type Writings } from './evidence.ts';
import type { Incident } from './incident.ts';
import { type JournalRecord, lineOf } from './record.ts';

const beganAt = Date.parse('2026-01-01T00:00:00.000Z');
const at = (seconds: number): number => beganAt + seconds * 1_000;

function writings(name: string, records: readonly JournalRecord[], log = ''): Writings {
  const bytes = Buffer.from(records.map(lineOf).join(''));
  return { name, journal: { bytes: () => bytes }, readLog: () => Buffer.from(log) };
}

const publisher = writings('publisher-1', [
  { type: 'ready', at: at(0) },
  { type: 'sent', number: 17, at: at(20), deadlineAt: at(50) },
  { type: 'sent', number: 171, at: at(20), deadlineAt: at(50) },
  { type: 'resolved', number: 17, at: at(21), sentAt: at(20) },
]);
const consumer = writings(
  'consumer-1',
  [{ type: 'failed', number: 17, at: at(22), how: 'retry later' }],
  [
    '2026-01-01T00:00:05.000Z info long before {}',
    '2026-01-01T00:00:23.500Z warn link is down {}',
    'no line of the log',
    '',
  ].join('\n'),
);
const incident = (name: Incident['name'], from: number, to: number): Incident => ({
  name,
  beganAt: at(from),
  healedAt: at(to),
  struck: ['consumer-1'],
});

test('what the journals say of a message, what befell around that time, and what was logged then', () => {
  const incidents = [incident('black-hole', 2, 8), incident('node-killed', 10, 25), incident('poison', 60, 61)];
  expect(evidenceOf(['17'], [publisher, consumer], incidents, beganAt)).toEqual([
    'message 17',
    '    20.0 s  publisher-1: sent, due at 50.0 s',
    '    21.0 s  publisher-1: resolved',
    '    22.0 s  consumer-1: failed, retry-later',
    '    10.0 s  fault node-killed, until 25.0 s, strikes consumer-1',
    '    23.5 s  consumer-1 logged: warn link is down {}',
  ]);
});

test('a message that nobody has written of is told all the same', () => {
  expect(evidenceOf(['99'], [publisher], [], beganAt)).toEqual(['message 99: no process has written of it']);
});

test('a log that says much is cut short', () => {
  const log = Array.from({ length: 35 }, () => '2026-01-01T00:00:22.000Z info again {}').join('\n');
  const lines = evidenceOf(['17'], [publisher, writings('consumer-2', [], log)], [], beganAt);
  expect(lines.filter((line) => line.includes('again'))).toHaveLength(30);
  expect(lines.at(-1)).toBe('  and 5 more lines');
});
