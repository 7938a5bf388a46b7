import type { RabbitInternals } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { type Progress, ProgressMeter } from './progress.ts';

test('progress is told at once, then every 100 ms at most, and at the end; a listener that throws breaks nothing', () => {
  let now = 1_000;
  const lines: string[] = [];
  const internals = {
    effects: { clock: { now: () => now } },
    log: { warn: (_fields: unknown, line: string) => lines.push(line) },
  } as unknown as RabbitInternals;
  const told: Progress[] = [];
  const meter = new ProgressMeter(internals, (progress) => {
    told.push(progress);
    throw new Error('no');
  });
  const counts = (looked: number) => ({ looked, matched: 0, done: 0, total: 9 });
  for (let looked = 1; looked <= 5; looked += 1) {
    meter.note(counts(looked));
    now += 40;
  }
  meter.tell(counts(6));
  expect(told.map(({ looked, elapsedMs }) => [looked, elapsedMs])).toEqual([
    [1, 0],
    [4, 120],
    [6, 200],
  ]);
  expect(lines).toHaveLength(3);
});
