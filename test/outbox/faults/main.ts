// Puts faults into what is on its way from one transaction through outbox, relay and broker into another one, and counts.
//
//   npm run faults:outbox                     every scenario, in its short form
//   npm run faults:outbox -- relay-killed*    these alone; a name may end in *
//   npm run faults:outbox -- --long           over 100,000 messages
import { parseArgs } from 'node:util';
import { type Broker, type Postgres, startBroker, startPostgres } from '@surehop/testing';
import { type Scenario, scenarios } from './scenarios.ts';
import { Stage } from './stage.ts';

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { long: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const wanted = scenarios.filter(
    ({ name }) => positionals.length === 0 || positionals.some((pattern) => matches(name, pattern)),
  );
  if (wanted.length === 0) {
    console.error(`There is no such scenario. There are:\n  ${scenarios.map(({ name }) => name).join('\n  ')}`);
    return 2;
  }
  // Nodes of our own: they are killed.
  await using broker = await startBroker({ kind: 'node' });
  await using postgres = await startPostgres({ kind: 'server' });
  let failed = 0;
  let messages = 0;
  for (const scenario of wanted) {
    const result = await runOne(scenario, broker, postgres, values.long);
    messages += result.messages;
    if (result.failure !== undefined) failed += 1;
    const seconds = (result.ms / 1_000).toFixed(1);
    console.log(
      `${result.failure === undefined ? 'ok  ' : 'FAIL'} ${scenario.name.padEnd(30)} ${String(result.messages).padStart(7)} messages ${seconds.padStart(6)} s`,
    );
    if (result.failure !== undefined) console.log(`     ${result.failure.replaceAll('\n', '\n     ')}`);
  }
  console.log(`${wanted.length - failed} of ${wanted.length} held, over ${messages} messages`);
  return failed === 0 ? 0 : 1;
}

interface Result {
  readonly messages: number;
  readonly ms: number;
  readonly failure: string | undefined;
}

async function runOne(scenario: Scenario, broker: Broker, postgres: Postgres, isLong: boolean): Promise<Result> {
  const startedAt = performance.now();
  let stage: Stage | undefined;
  let failure: string | undefined;
  try {
    stage = await Stage.open(broker, postgres, isLong);
    await scenario.run(stage);
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const messages = stage?.messages ?? 0;
  await stage?.[Symbol.asyncDispose]();
  return { messages, ms: performance.now() - startedAt, failure };
}

function matches(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

process.exitCode = await main();
