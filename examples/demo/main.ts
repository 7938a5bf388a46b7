// npm run demo: publishes events, handles them in a second process, breaks what can break, and accounts for every one.
// --help tells the options and the exit codes.
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { BrokerError } from '@surehop/testing';
import { type OrderEvent, readEvents } from './input.ts';
import { exitCodes, help, type Options, parseOptions, UsageError } from './options.ts';
import { ledgerLines, reportOf, summaryOf } from './report.ts';
import { run } from './run.ts';
import { viewFor } from './view.ts';

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    const code = 128 + constants.signals[signal];
    if (interrupt.signal.aborted) process.exit(code); // the second time: at once; what is left is removed all the same
    interrupt.abort(new Interrupted(code));
  });
}

class Interrupted extends Error {
  readonly code: number;

  constructor(code: number) {
    super('Interrupted.');
    this.code = code;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  const isExpected = error instanceof UsageError || error instanceof BrokerError || error instanceof Interrupted;
  process.stderr.write(`${isExpected || !(error instanceof Error) ? text : error.stack}\n`);
  if (error instanceof UsageError) process.stderr.write('npm run demo -- --help tells how it is used.\n');
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2), process.env.INIT_CWD ?? process.cwd());
  if (options.help) {
    process.stdout.write(help);
    return exitCodes.ok;
  }
  const complain = (line: number, why: string): void => void process.stderr.write(`line ${line}: ${why}\n`);
  const { events, badLines } = await readEvents(options.input, complain);
  if (events.length === 0) throw new UsageError(`there is no event in ${options.input}`);
  return demonstrate(options, events, badLines, complain);
}

async function demonstrate(
  options: Options,
  events: readonly OrderEvent[],
  badLines: number,
  complain: (line: number, why: string) => void,
): Promise<number> {
  const { seed, json, ledger, stallSeconds, verbose } = options;
  const view = viewFor(process.stdout);
  let leftOut = badLines;
  const onRefused = ({ line }: OrderEvent, why: string): void => {
    leftOut += 1;
    complain(line, why);
  };
  const { signal } = interrupt;
  const result = await run({ events, seed, stallMs: stallSeconds * 1_000, verbose, view, onRefused, signal }).finally(
    () => view.close(),
  );
  if (ledger !== undefined) writeFileSync(ledger, ledgerLines(result));
  const summary = summaryOf(result);
  process.stdout.write(`${reportOf(result, seed, leftOut)}${json ? `${JSON.stringify(summary)}\n` : ''}`);
  return summary.lost > 0 || !result.finished ? exitCodes.lost : exitCodes.ok;
}

function codeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage;
  return error instanceof Interrupted ? error.code : exitCodes.unavailable;
}
