import { expect, test } from 'vitest';
import { faults, planOf } from './plan.ts';
import { World } from './world.ts';

const seeds = (from: number, count: number): number[] => Array.from({ length: count }, (_, index) => from + index);

test('300 runs: nothing is lost, nothing is stuck, nothing hangs', async () => {
  const bad: string[] = [];
  for (const seed of seeds(1, 300)) {
    const { violations } = await new World(planOf(seed)).run();
    if (violations.length > 0) bad.push(`npm run simulate -- --seed ${seed}: ${violations.join('; ')}`);
  }
  expect(bad).toEqual([]);
}, 60_000);

// Each was seen to fail once.
test.each([[1378, 'a clock that was set back by an hour kept a RetryLater waiting for as long']])(
  'seed %d, where %s',
  async (seed) => {
    expect((await new World(planOf(seed)).run()).violations).toEqual([]);
  },
);

test('the same seed makes the same run', async () => {
  for (const seed of seeds(5_000, 20)) {
    expect(await new World(planOf(seed)).run()).toEqual(await new World(planOf(seed)).run());
  }
}, 30_000);

test('every fault and every outcome comes up', async () => {
  const kinds = new Set(seeds(1, 300).flatMap((seed) => planOf(seed).faults.map(({ kind }) => kind)));
  expect([...kinds].toSorted()).toEqual([...faults].toSorted());
  const sum = { duplicates: 0, deadLettered: 0, notStored: 0, unknown: 0 };
  for (const seed of seeds(1, 150)) {
    const { duplicates, deadLettered, rejected } = (await new World(planOf(seed)).run()).report;
    sum.duplicates += duplicates;
    sum.deadLettered += deadLettered;
    sum.notStored += rejected.notStored;
    sum.unknown += rejected.unknown;
  }
  for (const count of Object.values(sum)) expect(count).toBeGreaterThan(0);
}, 60_000);
