// Puts faults into running traffic, one scenario after the other, on the broker at hand, and prints what was measured.
//
//   npm run faults                            every scenario, in its short form
//   npm run faults -- broker-killed           these alone; a name may end in *
//   npm run faults -- --json                  one line of JSON per scenario; with `omitted`, and no figures, where it cannot run
//   npm run faults -- --long                  the form that takes its time, and what has no other
//   npm run faults -- --type classic          only with this type of work queue
//   npm run faults -- --turn 2/3              the second of three shares that take about as long: a run on three releases
//                                             shares them out
import { type Broker, BrokerError, startBroker } from '@surehop/testing';
import { isMissingBroker } from '../missing-broker.ts';
import { type CommandLine, readCommandLine } from './command-line.ts';
import { type Omission, type Result, runScenario } from './run.ts';
import type { QueueKind, Scenario } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';
import { releaseOf } from './stage.ts';
import { headOf, lineOf } from './table.ts';

type Say = (line: string) => void;

async function main(): Promise<number> {
  const asked = readCommandLine(process.argv.slice(2), scenarios);
  if (typeof asked === 'string') {
    console.error(asked);
    return 2;
  }
  const say: Say = asked.json ? (line) => console.error(line) : (line) => console.log(line);
  let failed = 0;
  for (const nodes of [1, 3] as const) {
    const wanted = asked.runs.filter(({ scenario }) => (scenario.nodes ?? 1) === nodes);
    if (wanted.length > 0) failed += await onBroker(nodes, wanted, asked, say);
  }
  return failed === 0 ? 0 : 1;
}

/** Resolves to how many failed. */
async function onBroker(nodes: 1 | 3, runs: CommandLine['runs'], asked: CommandLine, say: Say): Promise<number> {
  const mustRun = process.env.REQUIRE_BROKER === '1';
  let broker: Broker;
  try {
    broker = await startBroker({ nodes, log: say });
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    say(error.message);
    for (const { scenario, type } of runs) omit(scenario, type, asked, undefined, error.message);
    return mustRun || nodes === 1 || !isMissingBroker(error) ? runs.length : 0;
  }
  try {
    say(`${broker.description}\n${headOf()}`);
    let failed = 0;
    for (const { scenario, type } of runs)
      failed += (await onceOn(broker, scenario, type, asked, say, mustRun)) ? 0 : 1;
    return failed;
  } finally {
    await broker.close();
  }
}

/** Whether it held, or was rightly left out. */
async function onceOn(
  broker: Broker,
  scenario: Scenario,
  type: QueueKind,
  asked: CommandLine,
  say: Say,
  mustRun: boolean,
): Promise<boolean> {
  const missing = scenario.needs?.filter((need) => !broker.can[need]) ?? [];
  if (missing.length > 0) {
    const why = `${broker.description} does not allow ${missing.join(', ')}`;
    say(`${scenario.name} cannot run here: ${why}`);
    omit(scenario, type, asked, releaseOf(broker), why);
    return !mustRun;
  }
  const result: Result = await runScenario(scenario, broker, type, asked.isLong);
  if (asked.json) console.log(JSON.stringify(result));
  say(lineOf(result));
  return result.failures.length === 0;
}

/** A line like those of the others, so that whoever reads them misses none. */
function omit({ name }: Scenario, type: QueueKind, asked: CommandLine, release: string | undefined, why: string): void {
  const form = asked.isLong ? 'long' : 'short';
  const omission: Omission = { scenario: name, release, type, form, omitted: `cannot run here: ${why}` };
  if (asked.json) console.log(JSON.stringify(omission));
}

process.exitCode = await main();
