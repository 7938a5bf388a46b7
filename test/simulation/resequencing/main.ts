// Puts sequences of messages back in order against a broker in memory, each run made from one seed.
//
//   npm run simulate:sequences                          5,000 runs from a seed of its own, which it tells
//   npm run simulate:sequences -- --seeds 500 --from 1  as many, from this seed on
//   npm run simulate:sequences -- --mutant name         with a bug put in on purpose, until it is found
import { parseArgs } from 'node:util';
import { type Mutant, plantMutant } from '../mutants.ts';
import { sequenceMutants } from './sequence-mutants.ts';

const asked = readCommandLine(process.argv.slice(2));
if (typeof asked === 'string') {
  console.error(asked);
  process.exit(2);
}
const { count, from, mutant } = asked;
if (mutant !== undefined) plantMutant(mutant);
// After a bug is planted.
const { sequencePlanOf } = await import('./sequence-plan.ts');
const { SequenceWorld } = await import('./sequence-world.ts');

const exercised = new Map<string, number>();
let [runs, failed] = [0, 0];
for (let seed = from; seed < from + count && !(mutant !== undefined && failed > 0); seed += 1) {
  const run = await new SequenceWorld(sequencePlanOf(seed)).run();
  runs += 1;
  for (const [what, times] of run.exercised) exercised.set(what, (exercised.get(what) ?? 0) + times);
  if (run.violations.length === 0) continue;
  failed += 1;
  console.log(`npm run simulate:sequences -- --seeds 1 --from ${seed}\n  ${run.violations.slice(0, 5).join('\n  ')}`);
}
for (const [what, times] of [...exercised].toSorted(([one], [other]) => (one < other ? -1 : 1)))
  console.log(`  ${what.padEnd(40)} ${String(times).padStart(10)}`);
console.log(`${runs} runs from seed ${from}: ${failed} with a violation`);
process.exitCode = failed === 0 ? 0 : 1;

/** What is asked for, or what is wrong with it. */
function readCommandLine(args: string[]): { count: number; from: number; mutant: Mutant | undefined } | string {
  const options = { seeds: { type: 'string' }, from: { type: 'string' }, mutant: { type: 'string' } } as const;
  let values: { seeds?: string | undefined; from?: string | undefined; mutant?: string | undefined };
  try {
    ({ values } = parseArgs({ args, options }));
  } catch (thrown) {
    return `${(thrown as Error).message}\nThe options are --seeds, --from, --mutant.`;
  }
  const numbers = {
    count: Number(values.seeds ?? 5_000),
    from: Number(values.from ?? Math.floor(Math.random() * 2 ** 31)),
  };
  for (const [name, number] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(number) || number < 0) return `--${name === 'count' ? 'seeds' : name} is a whole number.`;
  }
  const mutant = sequenceMutants.find(({ name }) => name === values.mutant);
  const names = sequenceMutants.map(({ name }) => name).join('\n  ');
  if (values.mutant !== undefined && mutant === undefined)
    return `There is no mutant "${values.mutant}". There are:\n  ${names}`;
  return { ...numbers, mutant };
}
