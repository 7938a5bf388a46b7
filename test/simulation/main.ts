// Runs publishers and consumers against a broker in memory, each run made from one seed, and looks for what must not be.
//
//   npm run simulate                           10,000 runs from a seed of its own, which it tells
//   npm run simulate -- --seeds 500 --from 1   as many, from this seed on
//   npm run simulate -- --seed 1378            this run alone: its plan, and when it fails a smaller one with its trace
//   npm run simulate -- --seed 1378 --trace    with all of the trace
//   npm run simulate -- --plan file.json       the run of this plan
//   npm run simulate -- --only cut --only deaf no other faults
//   npm run simulate -- --ordered              messages in the order of their keys in every run
//   npm run simulate -- --requests             some publishers wait for answers in every run
//   npm run simulate -- --mutant name --first  with a bug put in on purpose, until it is found
//   npm run simulate -- --json                 the result as one line
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type CommandLine, type Hunt, highestSeed, readCommandLine } from './command-line.ts';
import { hunt } from './hunt.ts';
import { mutants, plant } from './mutants.ts';
import type { Plan } from './plan.ts';

/** Of a trace, only the end is shown. */
const shownLines = 120;

async function main(): Promise<number> {
  const asked = readCommandLine(process.argv.slice(2), {
    from: Math.floor(Math.random() * highestSeed),
    workers: availableParallelism(),
    mutants: mutants.map(({ name }) => name),
  });
  if (typeof asked === 'string') {
    console.error(asked);
    return 2;
  }
  return asked.kind === 'hunt' ? runAll(asked.hunt) : runOne(asked);
}

async function runAll(asked: Hunt): Promise<number> {
  const { from, json } = asked;
  const result = await hunt(asked, ({ seed, violations }) => {
    if (json) return;
    console.log(
      `npm run simulate -- --seed ${seed}${asked.ordered ? ' --ordered' : ''}${asked.requests ? ' --requests' : ''}`,
    );
    for (const violation of violations.slice(0, 5)) console.log(`  ${violation}`);
  });
  const { runs, perSecond, failed, exercised } = result;
  if (json) console.log(JSON.stringify({ from, ...result }));
  else {
    for (const [what, times] of Object.entries(exercised).toSorted(([one], [other]) => (one < other ? -1 : 1))) {
      console.log(`  ${what.padEnd(40)} ${String(times).padStart(10)}`);
    }
    console.log(`${runs} runs from seed ${from}, ${perSecond} per second: ${failed.length} with a violation`);
  }
  return failed.length === 0 ? 0 : 1;
}

async function runOne(asked: Exclude<CommandLine, { kind: 'hunt' }>): Promise<number> {
  if (asked.hunt.mutant !== undefined) plant(asked.hunt.mutant);
  // After a bug is planted.
  const { planOf } = await import('./plan.ts');
  const { shrink } = await import('./shrink.ts');
  const { World } = await import('./world.ts');
  const plan = asked.kind === 'seed' ? planOf(asked.seed, asked.hunt) : readPlan(asked.path);
  const { violations, report, steps, virtualMs } = await new World(plan).run();
  if (violations.length === 0) {
    console.log(JSON.stringify({ plan, report, steps, virtualMs }, undefined, 2));
    return 0;
  }
  const smallest = await shrink(plan, violations);
  const lines: string[] = [];
  const again = await new World(smallest, (line) => lines.push(line)).run();
  const shown = asked.hunt.trace ? lines : lines.slice(-shownLines);
  if (shown.length < lines.length) console.log(`… ${lines.length - shown.length} lines before (--trace shows all)`);
  for (const line of shown) console.log(line);
  console.log(`\nthe smallest plan found (keep it in a file, for --plan):\n${JSON.stringify(smallest)}\n`);
  for (const violation of again.violations) console.log(violation);
  return 1;
}

function readPlan(path: string): Plan {
  return JSON.parse(readFileSync(path, 'utf8')) as Plan;
}

process.exitCode = await main();
