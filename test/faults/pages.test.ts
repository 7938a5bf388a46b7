import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pagesOf, readResults } from './results.ts';
import { scenarios } from './scenarios/index.ts';

const results = readResults();

test.each(Object.keys(pagesOf([], [])))('docs/%s says what was measured', (name) => {
  const page = new URL(`../../docs/${name}`, import.meta.url);
  expect(existsSync(page)).toBe(true);
  expect(readFileSync(page, 'utf8')).toBe(pagesOf(results, scenarios)[name]);
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
