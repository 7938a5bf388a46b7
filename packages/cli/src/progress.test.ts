import { expect, test } from 'vitest';
import { duration, progressLine } from './progress.ts';

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
