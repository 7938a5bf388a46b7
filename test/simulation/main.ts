// Runs publishers and consumers against a broker in memory, each run made from one seed, and looks for what must not be.
//
// What a hunt finds it tells with the command that makes this very run again, and the first of them as small as it goes,
// with the end of its trace.
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
import { type CommandLine, type Hunt, highestSeed, readCommandLine, replayCommand } from './command-line.ts';
import { hunt } from './hunt.ts';
import { mutants, plant } from './mutants.ts';
import type { Plan } from './plan.ts';
import type { Failed } from './worker.ts';

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
    console.log(`a run with a violation:\n${replayCommand(seed, asked)}`);
    for (const violation of violations.slice(0, 5)) console.log(`  ${violation}`);
  });
  const { runs, perSecond, failed, exercised } = result;
  if (json) console.log(JSON.stringify({ from, ...result }));
  else {
    for (const [what, times] of Object.entries(exercised).toSorted(([one], [other]) => (one < other ? -1 : 1))) {
      console.log(`  ${what.padEnd(40)} ${String(times).padStart(10)}`);
    }
    if (failed[0] !== undefined) await showShrunken(failed[0], asked);
    console.log(`${runs} runs from seed ${from}, ${perSecond} per second: ${failed.length} with a violation`);
  }
  return failed.length === 0 ? 0 : 1;
}

/** Whoever reads the log of a hunt sees at once what one of its violations comes to. */
async function showShrunken({ seed, violations }: Failed, asked: Hunt): Promise<void> {
  if (asked.mutant !== undefined) plant(asked.mutant);
  const { planOf } = await import('./plan.ts');
  const { shrunken } = await import('./shrunken.ts'); // after the bug is planted
  console.log(
    `\nseed ${seed}, made as small as it goes:\n${await shrunken(planOf(seed, asked), violations, asked.trace)}\n`,
  );
}

async function runOne(asked: Exclude<CommandLine, { kind: 'hunt' }>): Promise<number> {
  if (asked.hunt.mutant !== undefined) plant(asked.hunt.mutant);
  // After a bug is planted.
  const { planOf } = await import('./plan.ts');
  const { attempt } = await import('./attempt.ts');
  const { shrunken } = await import('./shrunken.ts');
  const plan = asked.kind === 'seed' ? planOf(asked.seed, asked.hunt) : readPlan(asked.path);
  const { outcome, violations } = await attempt(plan);
  if (outcome !== undefined && violations.length === 0) {
    const { report, steps, virtualMs } = outcome;
    console.log(JSON.stringify({ plan, report, steps, virtualMs }, undefined, 2));
    return 0;
  }
  console.log(await shrunken(plan, violations, asked.hunt.trace));
  return 1;
}

function readPlan(path: string): Plan {
  return JSON.parse(readFileSync(path, 'utf8')) as Plan;
}

process.exitCode = await main();
