import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { faultsPage, guaranteesPage } from './pages.ts';
import type { Result } from './run.ts';
import type { Scenario } from './scenario.ts';

const file = new URL('results.jsonl', import.meta.url);
const docs = new URL('../../docs/', import.meta.url);

/** What was measured last, of each scenario on each release. */
export function readResults(): Result[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Result);
}

/** Puts new results in the place of old ones of the same kind, in the order of the scenarios, and writes the pages. */
export function keepResults(fresh: readonly Result[], scenarios: readonly Scenario[]): void {
  const kept = new Map([...readResults(), ...fresh].map((result) => [keyOf(result), result]));
  const orderOf = ({ scenario }: Result): number => scenarios.findIndex(({ name }) => name === scenario);
  const results = [...kept.values()]
    .filter((result) => orderOf(result) >= 0)
    .toSorted((one, other) => orderOf(one) - orderOf(other) || compare(keyOf(one), keyOf(other)));
  writeFileSync(file, results.map((result) => `${JSON.stringify(result)}\n`).join(''));
  for (const [name, text] of Object.entries(pagesOf(results, scenarios))) writeFileSync(new URL(name, docs), text);
}

/** By file name. */
export function pagesOf(results: readonly Result[], scenarios: readonly Scenario[]): Record<string, string> {
  return { 'faults.md': faultsPage(results), 'guarantees.md': guaranteesPage(results, scenarios) };
}

function keyOf({ scenario, type, release }: Result): string {
  return `${scenario} ${type} ${release
    .split('.')
    .map((part) => part.padStart(3))
    .join('.')}`;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : 1;
}
