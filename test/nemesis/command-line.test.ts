import { expect, test } from 'vitest';
import { listText, parseCommandLine, UsageError } from './command-line.ts';
import { faultNames } from './fault-kinds.ts';

const newSeed = (): number => 42;

test('nothing needs to be said', () => {
  const line = parseCommandLine([], newSeed);
  expect(line).toMatchObject({ minutes: 3, seed: 42, rate: 800, faults: faultNames, release: undefined, json: false });
});

test('what is said applies', () => {
  const args = ['--minutes', '10', '--seed', '7', '--rate', '900', '--faults', 'poison, node-killed', '--json'];
  const line = parseCommandLine(args, newSeed);
  expect(line).toMatchObject({ minutes: 10, seed: 7, rate: 900, faults: ['poison', 'node-killed'], json: true });
});

test.each([
  [['--minute', '3'], '--minutes N'],
  [['3'], '--minutes N'],
  [['--minutes'], '--minutes N'],
  [['--minutes', '1'], 'a number in [2, 1440], got 1'],
  [['--minutes', 'long'], 'got long'],
  [['--seed', '1.5'], '--seed must be a whole number'],
  [['--rate', '0'], '--rate must be a number in [1, 20000]'],
  [['--faults', 'poison,fire'], 'There is no fault fire. There are: node-killed, '],
])('%j is refused, with what there is instead', (args, told) => {
  expect(() => parseCommandLine(args, newSeed)).toThrow(UsageError);
  expect(() => parseCommandLine(args, newSeed)).toThrow(told);
});

test('the list has every fault, and what is left out', () => {
  for (const name of faultNames) expect(listText()).toContain(`  ${name} `);
  expect(listText()).toContain('Left out:');
});
