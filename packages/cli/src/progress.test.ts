import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { createContext } from './context.ts';
import { duration, progressLine, startProgress } from './progress.ts';

test.each([
  [{ done: 250, total: 1_000 }, 2_000, 'replayed [#####               ] 25% 250/1,000, 125/s, 6 s left'],
  [{ done: 1_000, total: 1_000 }, 2_000, 'replayed [####################] 100% 1,000/1,000, 500/s'],
  [{ done: 0, total: 10 }, 0, 'replayed [                    ] 0% 0/10, 0/s'],
  [{ done: 3 }, 2_000, 'replayed 3, 1.5/s'],
])('%j after %i ms', (step, elapsedMs, line) => {
  expect(progressLine('replayed', step, elapsedMs)).toBe(line);
});

test.each([
  [850, '850 ms'],
  [12_400, '12 s'],
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'],
])('%i ms is %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('work that follows another has a rate and a time left of its own', async () => {
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 200 });
  const terminal = { stdin: Readable.from([]), stdout: new PassThrough(), stderr, env: {} };
  let now = 0;
  using meter = startProgress(createContext(terminal, new AbortController(), 'ada'), 'looked at', () => now);
  meter.update({ done: 1_000, total: 1_000 });
  now = 60_000;
  meter.update({ label: 'replayed', done: 4, total: 14, phase: 'acting' });
  now = 62_000;
  meter.update({ label: 'replayed', done: 8, total: 14, phase: 'acting' });
  await expect.poll(() => String(stderr.read() ?? '')).toContain('57% 8/14, 2/s, 3 s left');
});
