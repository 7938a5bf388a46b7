import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { noFigures } from './figures.ts';
import { guaranteesPage } from './pages.ts';
import { pagesOf, readResults } from './results.ts';
import type { Result } from './run.ts';
import { scenarios } from './scenarios/index.ts';

const results = readResults();

test.each(Object.keys(pagesOf([], [])))('docs/%s says what was measured', (name) => {
  const page = new URL(`../../docs/${name}`, import.meta.url);
  expect(existsSync(page)).toBe(true);
  expect(readFileSync(page, 'utf8')).toBe(pagesOf(results, scenarios)[name]);
});

test('what is kept is of the long form', () => {
  expect(results.filter(({ form }) => form !== 'long').map(({ scenario }) => scenario)).toEqual([]);
});

test('a row tells the longest time that was measured, also one of 0 ms, and none where nothing was', () => {
  const [scenario] = scenarios;
  if (scenario === undefined) throw new Error('there is no scenario');
  const cellOf = (measured: Partial<Result>): string | undefined => {
    const result = { ...noFigures, scenario: scenario.name, release: '4.3', type: 'quorum', failures: [], ...measured };
    return guaranteesPage([result as unknown as Result], [scenario])
      .trimEnd()
      .split(' | ')
      .at(-1);
  };
  expect(cellOf({ firstPublishedMs: 0 })).toBe('under 0.1 s on 4.3 |');
  expect(cellOf({ firstPublishedMs: 120, handlePauseMs: 20_060 })).toBe('20.1 s on 4.3 |');
  expect(cellOf({})?.trim()).toBe('|');
});

test('nothing that was measured has failed', () => {
  const failed = results.filter(({ failures }) => failures.length > 0);
  expect(failed.map(({ scenario, type, release }) => `${scenario} (${type}) on ${release}`)).toEqual([]);
});

test('every scenario was measured on every release', () => {
  const releases = ['3.10', '4.0', '4.3'];
  const missing = scenarios.flatMap(({ name, types = ['quorum'] }) =>
    types.flatMap((type) =>
      releases
        .filter(
          (release) => !results.some((one) => one.scenario === name && one.type === type && one.release === release),
        )
        .map((release) => `${name} (${type}) on ${release}`),
    ),
  );
  expect(missing).toEqual([]);
});

test('names are unique', () => {
  const names = scenarios.map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
