// Compares libraries, each in its reliable use, on the broker at hand.
//
//   npm run bench                          the standard set; see --help of the options in command-line.ts
//   npm run bench -- --quick               one short round of everything
//   npm run bench -- --only publish-*      these workloads, or these libraries
//   npm run bench -- --json                one line of JSON per workload and library
//   npm run bench -- --all --keep          everything, on every release, into docs/performance.md
import { paces } from './assignment.ts';
import { runPlans } from './benchmark.ts';
import { buildPackages } from './build.ts';
import type { QueueKind } from './cell.ts';
import { areOursJudged, type CommandLine, listText, readCommandLine, UsageError } from './command-line.ts';
import { toLine } from './json-lines.ts';
import { ours, reference } from './libraries.ts';
import { circumstances } from './page.ts';
import { estimateMinutes, type Plan, planOf } from './plan.ts';
import { releaseNames, withBroker } from './releases.ts';
import { keepResults } from './results.ts';
import type { Summary } from './summary.ts';
import { tableOf, tableText } from './table.ts';
import { judge, verdictHeads, verdictRow } from './targets.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  let asked: CommandLine;
  try {
    asked = readCommandLine(process.argv.slice(2), releaseNames());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    return 2;
  }
  if (asked.list) {
    console.log(listText());
    return 0;
  }
  const legs = legsOf(asked);
  const pace = paceOf(asked);
  const say = (line: string): void => (asked.json ? console.error(line) : console.log(line));
  const minutes = legs.reduce((sum, { plans }) => sum + estimateMinutes(plans, pace), 0);
  say(`About ${minutes < 10 ? minutes.toFixed(1) : Math.round(minutes)} minutes.`);
  await buildPackages();
  const summaries: Summary[] = [];
  const seen = new Set<string>();
  for (const { release, plans } of legs) {
    const fresh = await withBroker(release, say, async (broker) => {
      // The broker at hand may be one of the releases.
      if (seen.has(releaseOf(broker.version))) return [];
      seen.add(releaseOf(broker.version));
      return runLeg(broker, plans, asked, say);
    });
    summaries.push(...fresh);
    if (asked.keep && fresh.length > 0) keepResults(fresh);
  }
  const failed = summaries.filter(({ error }) => error !== undefined);
  for (const { workload, library, error } of failed) say(`${library} failed ${workload}: ${error}`);
  // What another library cannot do is a result, not a fault of the run.
  return failed.some(({ library }) => library === reference || library.startsWith(ours)) ? 1 : 0;
}

async function runLeg(
  broker: Parameters<typeof runPlans>[0],
  plans: readonly Plan[],
  asked: CommandLine,
  say: (line: string) => void,
): Promise<Summary[]> {
  const summaries = await runPlans(broker, plans, paceOf(asked), {
    step: (line) => console.error(line),
    cell({ workload }, ofCell) {
      const [one] = ofCell;
      if (one !== undefined) {
        say(tableText(`${workload.title}. ${circumstances(one)}`, tableOf(workload, ofCell), ofCell));
      }
      if (asked.json) for (const summary of ofCell) console.log(toLine(summary));
    },
  });
  if (areOursJudged(asked)) {
    const rows = judge(summaries).map(verdictRow);
    if (rows.length > 0) say(tableText('Targets', { heads: verdictHeads, rows }, []));
    if (asked.isQuick) say('One short round judges nothing: these say only that everything runs.');
  }
  return summaries;
}

interface Leg {
  readonly release: string | undefined;
  readonly plans: readonly Plan[];
}

/** `--all`: every queue and body on the broker at hand, the standard set on each other release. */
function legsOf(asked: CommandLine): Leg[] {
  const plans = (queueTypes: readonly QueueKind[], bodies: readonly number[]): Plan[] =>
    planOf({ ...asked, isJudged: !asked.isQuick, queueTypes, bodies });
  const standard = plans(['quorum'], [256]);
  if (!asked.isAll) return [{ release: asked.release, plans: standard }];
  return [
    { release: undefined, plans: plans(['quorum', 'classic'], [256, 4_096]) },
    ...releaseNames().map((release) => ({ release, plans: standard })),
  ];
}

function paceOf({ isQuick }: CommandLine) {
  return isQuick ? paces.quick : paces.standard;
}

function releaseOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
