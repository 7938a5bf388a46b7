import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readCommandLine } from './command-line.ts';
import { noFigures } from './figures.ts';
import type { Scenario } from './scenario.ts';

const scenario = (name: string, more: Partial<Scenario> = {}): Scenario => ({
  name,
  situation: name,
  duplicates: 'none',
  run: () => Promise.resolve(noFigures),
  ...more,
});
const all = [
  scenario('broker-killed', { types: ['quorum', 'classic'] }),
  scenario('broker-frozen'),
  scenario('target-deleted', { longOnly: true }),
];

function runs(...args: string[]): string[] {
  const asked = readCommandLine(args, all);
  if (typeof asked === 'string') throw new Error(asked);
  return asked.runs.map((run) => `${run.scenario.name} ${run.type}`);
}

test('everything that has a short form, on each type between which it makes a difference', () => {
  expect(runs()).toEqual(['broker-killed quorum', 'broker-killed classic', 'broker-frozen quorum']);
  expect(runs('--long')).toContain('target-deleted quorum');
  expect(runs('--type', 'classic')).toEqual(['broker-killed classic']);
});

test('names, and what a name begins with', () => {
  expect(runs('broker-frozen')).toEqual(['broker-frozen quorum']);
  expect(runs('broker-*')).toHaveLength(3);
  expect(runs('target-deleted')).toEqual(['target-deleted quorum']);
});

test('shares leave nothing out and run nothing twice', () => {
  const shares = ['1/2', '2/2'].flatMap((share) => runs('--turn', share));
  expect(shares.toSorted()).toEqual(runs().toSorted());
});

test('what cannot run here has its line as well, which says why', () => {
  const program = fileURLToPath(new URL('main.ts', import.meta.url));
  const { stdout, status } = spawnSync(process.execPath, [program, '--json', 'broker-killed'], {
    encoding: 'utf8',
    env: { ...process.env, SUREHOP_BROKER: 'url', AMQP_URL: 'amqp://127.0.0.1:1' },
  });
  const told = stdout.trim().split('\n');
  expect(told.map((line) => JSON.parse(line))).toMatchObject(
    [
      { scenario: 'broker-killed', type: 'quorum', form: 'short', omitted: /cannot run here: Nothing answers/ },
      { scenario: 'broker-killed', type: 'classic', form: 'short', omitted: /cannot run here: Nothing answers/ },
    ].map((line) => ({ ...line, omitted: expect.stringMatching(line.omitted) })),
  );
  expect(status).toBe(1);
});

test.each([
  [['broker-melted'], 'broker-killed\n  broker-frozen'],
  [['--type', 'stream'], 'quorum or classic'],
  [['--turn', '3/2'], 'share'],
  [['--quick'], '--json, --long, --once, --type, --turn'],
])('%j is refused, with what there is', (args, hint) => {
  expect(readCommandLine(args, all)).toContain(hint);
});
