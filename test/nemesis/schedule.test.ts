import { expect, test } from 'vitest';
import { faultKinds, faultNames } from './fault-kinds.ts';
import { schedule, tooLongFor } from './schedule.ts';

const loadMs = 9 * 60_000;
const seeds = Array.from({ length: 50 }, (_, index) => index + 1);

test('the same seed makes the same schedule, another one another', () => {
  expect(schedule({ seed: 7, loadMs })).toEqual(schedule({ seed: 7, loadMs }));
  expect(schedule({ seed: 7, loadMs })).not.toEqual(schedule({ seed: 8, loadMs }));
});

test('no fault of a lane begins before the one before it has had its time to end', () => {
  for (const seed of seeds) {
    const endsAt = new Map<string, number>();
    for (const { name, atMs, lastsMs } of schedule({ seed, loadMs })) {
      const { lane, endsWithinMs } = faultKinds[name];
      expect(atMs).toBeGreaterThanOrEqual(endsAt.get(lane) ?? 0);
      endsAt.set(lane, atMs + lastsMs + endsWithinMs);
    }
  }
});

test('everything is over in time, with what it has held up', () => {
  for (const seed of seeds) {
    for (const { name, atMs, lastsMs } of schedule({ seed, loadMs })) {
      const { endsWithinMs, tailMs = 0 } = faultKinds[name];
      expect(atMs + lastsMs + endsWithinMs + tailMs).toBeLessThanOrEqual(loadMs);
    }
  }
});

test('ten minutes bring every kind of fault, whatever the seed', () => {
  for (const seed of seeds) {
    const names = new Set(schedule({ seed, loadMs }).map(({ name }) => name));
    expect([...names].sort()).toEqual([...faultNames].sort());
  }
});

test('faults that a short run has no time for are named, and left out', () => {
  const short = 2 * 60_000;
  const left = tooLongFor(short);
  expect(left).toContain('work-queue-full');
  expect(left).not.toContain('node-killed');
  for (const seed of seeds) {
    expect(schedule({ seed, loadMs: short }).filter(({ name }) => left.includes(name))).toEqual([]);
  }
});

test('only the faults that were asked for come', () => {
  const planned = schedule({ seed: 1, loadMs, faults: ['node-frozen', 'poison'] });
  expect(new Set(planned.map(({ name }) => name))).toEqual(new Set(['node-frozen', 'poison']));
});
