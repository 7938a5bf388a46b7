import { expect, test } from 'vitest';
import { readCommandLine } from './command-line.ts';
import { scenarios } from './scenarios/index.ts';
import { longForms, secondsOf } from './shares.ts';

const share = (turn: string) => {
  const asked = readCommandLine(['--once', '--turn', turn], scenarios);
  if (typeof asked === 'string') throw new Error(asked);
  return asked.runs;
};

test('three shares take about as long as each other', () => {
  const seconds = ['1/3', '2/3', '3/3'].map((turn) => share(turn).reduce((sum, run) => sum + secondsOf(run), 0));
  expect(Math.max(...seconds) - Math.min(...seconds)).toBeLessThanOrEqual(5);
});

test('what is known to take long exists', () => {
  const names = scenarios.map(({ name }) => name);
  expect(Object.keys(longForms).filter((name) => !names.includes(name))).toEqual([]);
});
