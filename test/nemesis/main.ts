// Torments a cluster of three nodes, and tells whether anything was lost. See `--help`.
import { randomInt } from 'node:crypto';
import { isMissingBroker } from '../missing-broker.ts';
import { type CommandLine, listText, parseCommandLine, UsageError, usage } from './command-line.ts';
import { faultNames } from './fault-kinds.ts';
import { keepIn } from './keeping.ts';
import { hasPassed } from './ledger.ts';
import { ledgerText } from './ledger-text.ts';
import { loadMsOf, runNemesis } from './nemesis.ts';
import { pathOfRelease } from './release.ts';
import { tooLongFor } from './schedule.ts';
import type { World } from './world.ts';

const exitCodes = { passed: 0, failed: 1, usage: 2, interrupted: 130 } as const;

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    if (args.includes('--help')) return say(usage);
    const line = parseCommandLine(args, () => randomInt(1, 2 ** 31));
    return line.list ? say(listText()) : await run(line);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`nemesis: ${error.message}\n`);
    return exitCodes.usage;
  }
}

async function run(line: CommandLine): Promise<number> {
  const stopped = stopSignal();
  const tell = (text: string): void => void (line.json ? process.stderr : process.stdout).write(`${text}\n`);
  const { path, leave } = pathOfRelease(line.release, process.env);
  tell(`nemesis: ${replayCommand(line)}`);
  const tooLong = tooLongFor(loadMsOf(line.minutes), line.faults);
  if (tooLong.length > 0) tell(`nemesis: left out, since they need a longer run: ${tooLong.join(', ')}`);
  try {
    const { seed, minutes, rate, faults, keep } = line;
    const keepAll = keep === undefined ? undefined : (world: World) => keepIn(keep, world);
    const ledger = await runNemesis({ seed, minutes, rate, faults, path, signal: stopped, tell, keep: keepAll });
    process.stdout.write(`${line.json ? JSON.stringify(ledger) : ledgerText(ledger)}\n`);
    if (hasPassed(ledger)) return exitCodes.passed;
  } catch (error) {
    if (stopped.aborted) return exitCodes.interrupted;
    if (isMissingBroker(error) && process.env.REQUIRE_BROKER !== '1') {
      return say(`nemesis: skipped, since there is no broker to start: ${(error as Error).message}`);
    }
    process.stderr.write(`nemesis: FAILED: ${error instanceof Error ? error.stack : String(error)}\n`);
  } finally {
    leave();
  }
  process.stderr.write(`nemesis: the same again: ${replayCommand(line)}\n`);
  return exitCodes.failed;
}

/** Aborts at the first SIGINT or SIGTERM, so that everything is ended in order; the second one does not wait for that. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(exitCodes.interrupted);
      controller.abort(new Error(`stopped by ${signal}`));
    });
  }
  return controller.signal;
}

function replayCommand({ seed, minutes, rate, faults, release }: CommandLine): string {
  const choice = faults === faultNames ? '' : ` --faults ${faults.join(',')}`;
  const broker = release === undefined ? '' : ` --release ${release}`;
  return `npm run nemesis -- --seed ${seed} --minutes ${minutes} --rate ${rate}${choice}${broker}`;
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return exitCodes.passed;
}
