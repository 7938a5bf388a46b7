import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { sequenceMutants } from './sequence-mutants.ts';
import { sequencePlanOf } from './sequence-plan.ts';
import { SequenceWorld } from './sequence-world.ts';

test('150 runs: whatever befalls, each sequence is handled in its order, and nothing is lost or given up', async () => {
  const bad: string[] = [];
  const met = new Map<string, number>();
  for (let seed = 1; seed <= 150; seed += 1) {
    const { violations, exercised } = await new SequenceWorld(sequencePlanOf(seed)).run();
    if (violations.length > 0) bad.push(`--seeds 1 --from ${seed}: ${violations.join('; ')}`);
    for (const [what, times] of exercised) met.set(what, (met.get(what) ?? 0) + times);
  }
  expect(bad).toEqual([]);
  const wanted = ['throw', 'dead-letter', 'hang', 'retry-later', 'redelivered', 'a duplicate is dropped'];
  expect(wanted.filter((what) => !met.has(what))).toEqual([]);
}, 60_000);

const program = fileURLToPath(new URL('main.ts', import.meta.url));

// A simulation that finds nothing proves nothing: each of these bugs, put in on purpose, has to be found.
test.each(sequenceMutants.map(({ name }) => name))(
  '%s is found within 2,000 seeds',
  (name) => {
    const args = [program, '--mutant', name, '--from', '1', '--seeds', '2000'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect([status, stderr]).toEqual([1, '']);
    expect(stdout).toContain(': 1 with a violation');
  },
  60_000,
);
