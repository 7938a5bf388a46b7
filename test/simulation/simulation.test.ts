import { readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { behaviours, faultKinds, type Plan, planOf, strangerKinds } from './plan.ts';
import { World } from './world.ts';

const seeds = (from: number, count: number): number[] => Array.from({ length: count }, (_, index) => from + index);

test('500 runs: nothing is lost, stuck or hangs, and every fault, behaviour, stranger and outcome comes up', async () => {
  const bad: string[] = [];
  const met: Record<string, number> = {};
  for (const seed of seeds(1, 500)) {
    const { violations, exercised, report } = await new World(planOf(seed)).run();
    if (violations.length > 0) bad.push(`npm run simulate -- --seed ${seed}: ${violations.join('; ')}`);
    const { duplicates, deadLettered } = report;
    for (const [what, times] of [...exercised, ...Object.entries({ duplicates, deadLettered })])
      met[what] = (met[what] ?? 0) + times;
  }
  expect(bad).toEqual([]);
  const wanted = [
    ...faultKinds.map((kind) => `fault: ${kind}`),
    ...behaviours.map((behaviour) => `handler: ${behaviour}`),
    ...strangerKinds.map((kind) => `stranger: ${kind}`),
    'handler: kills its process',
    'duplicates',
    'deadLettered',
    'rejected: SUREHOP_PUBLISH_NOT_SENT',
    'rejected: SUREHOP_PUBLISH_UNKNOWN',
    'rejected: SUREHOP_PUBLISHER_FULL',
    'request: answered',
    'request: dead-lettered',
    'request: no answer',
    'request: no answer before the end',
    'request: aborted',
    'closing',
    'stranger: asks in vain',
    'stranger: another clock',
  ];
  expect(wanted.filter((what) => (met[what] ?? 0) === 0)).toEqual([]);
}, 60_000);

const regressions = new URL('regressions/', import.meta.url);

// Each was a violation once.
test.each(readdirSync(regressions))('%s', async (file) => {
  const { plan } = JSON.parse(readFileSync(new URL(file, regressions), 'utf8')) as { why: string; plan: Plan };
  expect((await new World(plan).run()).violations).toEqual([]);
});

test('requests take nothing from the chance of anything else: a seed that is known stays what it was', () => {
  let without = 0;
  for (const seed of seeds(1, 200)) {
    const plain = planOf(seed);
    if (plain.requests !== undefined) continue;
    without += 1;
    const { requests, maxAwaitedAnswers, closings, ...rest } = planOf(seed, { requests: true });
    expect(requests).toBeDefined();
    const strangers = rest.strangers.filter(({ kind }) => kind !== 'asks in vain');
    const faults = rest.faults.filter((fault) => plain.faults.some((one) => isDeepStrictEqual(one, fault)));
    expect({ ...rest, strangers, faults }).toEqual(plain);
  }
  expect(without).toBeGreaterThan(100);
});

test('the same seed makes the same run', async () => {
  for (const seed of seeds(5_000, 20)) {
    expect(await new World(planOf(seed)).run()).toEqual(await new World(planOf(seed)).run());
  }
}, 30_000);

test('a trace changes nothing', async () => {
  for (const seed of seeds(6_000, 5)) {
    const lines: string[] = [];
    const traced = await new World(planOf(seed), (line) => lines.push(line)).run();
    expect(traced).toEqual(await new World(planOf(seed)).run());
    expect(lines.length).toBeGreaterThan(50);
  }
});
