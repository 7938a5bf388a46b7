import { expect, test } from 'vitest';
import { readCommandLine, UsageError } from './command-line.ts';
import { libraries } from './libraries.ts';
import { workloads } from './workloads.ts';

const read = (...args: string[]) => readCommandLine(args, ['4.0', '4.3']);
const namesOf = (all: readonly { name: string }[]) => all.map(({ name }) => name);

test('nothing means everything but what only shows what something costs, five times', () => {
  const standard = namesOf(libraries).filter((name) => !['amqplib-telling', 'surehop-wire'].includes(name));
  expect(read()).toMatchObject({ workloads, libraries: standard, rounds: 5, isQuick: false, json: false });
  expect(read('--only', 'surehop-wire').libraries).toEqual(['surehop-wire']);
  expect(read('--quick')).toMatchObject({ workloads, rounds: 1, isQuick: true });
});

test('--only names workloads, libraries, or both, with a star for the rest of a name', () => {
  const { workloads: chosen, libraries: asked } = read('--only', 'publish-*,rascal');
  expect(namesOf(chosen)).toEqual(['publish-1', 'publish-100', 'publish-1000']);
  expect(asked).toEqual(['rascal']);
  expect(read('--only', 'rascal').workloads).toEqual(workloads);
  expect(read('--only', 'idle', '--only', 'start-up').workloads).toHaveLength(2);
});

test.each([
  [['--only', 'publish-7'], 'publish-1000'],
  [['--only', 'bunny'], 'amqp-connection-manager'],
  [['--only', ''], 'amqp-connection-manager'],
  [['--faster'], '--rounds'],
  [['publish-1'], '--only'],
  [['--rounds', '0'], '1 to 100'],
  [['--rounds', 'many'], '1 to 100'],
  [['--release', '3.9'], '4.0, 4.3'],
  [['--quick', '--all'], 'exclude'],
  [['--quick', '--keep'], '--keep'],
  [['--all', '--release', '4.3'], '--release'],
])('%j is refused, with what there is', (args, hint) => {
  expect(() => read(...args)).toThrow(UsageError);
  expect(() => read(...args)).toThrow(hint);
});
