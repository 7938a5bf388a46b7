// Runs publishers and consumers against a broker in memory, each run made from one seed, and looks for what must not be.
//
//   npm run simulate                       10,000 runs from a seed of its own, which it tells
//   npm run simulate -- --seeds 500        as many
//   npm run simulate -- --from 1           from this seed on
//   npm run simulate -- --seed 1378        this run alone, with its plan
import { parseArgs } from 'node:util';
import { planOf } from './plan.ts';
import { World } from './world.ts';

const highestSeed = 2 ** 32 - 1;

/** Undefined for what is no whole number in this range. */
function whole(text: string, low: number, high: number): number | undefined {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value >= low && value <= high ? value : undefined;
}

function optionsOf(args: readonly string[]): { from: number; count: number; isOne: boolean } | string {
  let values: { seed?: string; seeds?: string; from?: string };
  try {
    const options = { seed: { type: 'string' }, seeds: { type: 'string' }, from: { type: 'string' } } as const;
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (thrown) {
    return `${(thrown as Error).message}\nThe options are --seeds, --from and --seed.`;
  }
  const random = Math.floor(Math.random() * highestSeed);
  const from = whole(values.seed ?? values.from ?? String(random), 0, highestSeed);
  const count = whole(values.seed === undefined ? (values.seeds ?? '10000') : '1', 1, 100_000_000);
  if (from === undefined) return `A seed is a whole number from 0 to ${highestSeed}.`;
  if (count === undefined) return '--seeds is a whole number from 1 to 100000000.';
  return { from, count, isOne: values.seed !== undefined };
}

async function main(): Promise<number> {
  const options = optionsOf(process.argv.slice(2));
  if (typeof options === 'string') {
    console.error(options);
    return 2;
  }
  const { from, count, isOne } = options;
  const startedAt = performance.now();
  let failed = 0;
  for (let index = 0; index < count; index += 1) {
    const seed = (from + index) % (highestSeed + 1);
    const plan = planOf(seed);
    const { violations, report, steps, virtualMs } = await new World(plan).run();
    if (isOne) console.log(JSON.stringify({ plan, report, steps, virtualMs }, undefined, 2));
    if (violations.length === 0) continue;
    failed += 1;
    console.log(`npm run simulate -- --seed ${seed}`);
    for (const violation of violations) console.log(`  ${violation}`);
  }
  const perSecond = Math.round(count / ((performance.now() - startedAt) / 1_000));
  console.log(`${count} runs from seed ${from}, ${perSecond} per second: ${failed} with a violation`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
