import { expect, test } from 'vitest';
import { paces } from './assignment.ts';
import { libraries, standardLibraries } from './libraries.ts';
import { estimateMinutes, type Plan, planOf, type Wanted } from './plan.ts';
import { workloads } from './workloads.ts';

const standard: Wanted = {
  workloads,
  libraries: standardLibraries.map(({ name }) => name),
  rounds: 5,
  isJudged: true,
  queueTypes: ['quorum'],
  bodies: [256],
};

function plan(name: string, change: Partial<Wanted> = {}): Plan[] {
  return planOf({ ...standard, ...change, workloads: workloads.filter((one) => one.name === name) });
}

function order(plans: readonly Plan[]): string[] {
  return plans.flatMap(({ runs }) => runs.map(({ round, library }) => `${round} ${library.name}`));
}

test('libraries take turns, round by round', () => {
  const asked = { libraries: ['rascal', 'surehop'], rounds: 2 };
  expect(order(plan('publish-100', asked))).toEqual([
    ...['0 amqplib', '0 rascal', '0 surehop'],
    ...['1 amqplib', '1 rascal', '1 surehop'],
  ]);
});

test('what is judged over more rounds has them for raw amqplib and ours alone', () => {
  const runs = order(plan('latency-2000'));
  expect(runs.filter((run) => run.endsWith(' surehop'))).toHaveLength(10);
  expect(runs.filter((run) => run.endsWith(' amqplib'))).toHaveLength(10);
  expect(runs.filter((run) => run.endsWith(' rascal'))).toHaveLength(5);
  expect(plan('latency-2000', { isJudged: false })[0]?.runs).toHaveLength(5 * 7);
});

test('a variant takes part only where a workload names it', () => {
  const takesPart = (name: string) => order(plan(name)).some((run) => run.endsWith('two-links'));
  expect([takesPart('publish-1000'), takesPart('publish-100'), takesPart('endurance')]).toEqual([true, false, false]);
});

test('queues and bodies multiply, but where only one makes sense', () => {
  const both: Partial<Wanted> = { queueTypes: ['quorum', 'classic'], bodies: [256, 4_096] };
  const cells = (name: string) => plan(name, both).map(({ cell }) => `${cell.queueType} ${cell.bodyBytes}`);
  expect(cells('consume-50')).toEqual(['quorum 256', 'quorum 4096', 'classic 256', 'classic 4096']);
  expect(cells('null-consume')).toEqual(['undefined 256', 'undefined 4096']);
  expect(cells('broker-away')).toEqual(['quorum 4096']);
});

test('the standard set takes less than 30 minutes, the quick one less than two', () => {
  expect(estimateMinutes(planOf(standard), paces.standard)).toBeLessThan(30);
  const quick = planOf({ ...standard, rounds: 1, isJudged: false });
  expect(estimateMinutes(quick, paces.quick)).toBeLessThan(2);
});

test('names of workloads and libraries are unique, and a library is always in the same place', () => {
  const names = [...workloads, ...libraries].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(libraries[0]?.name).toBe('amqplib');
});
