import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export interface Options {
  /** `-` is standard input. */
  readonly input: string;
  /** Enters the fate of every event and the moment of the faults. */
  readonly seed: number;
  readonly json: boolean;
  /** Where to write one line per event, if anywhere. */
  readonly ledger: string | undefined;
  /** Longest time without any progress, in seconds. */
  readonly stallSeconds: number;
  readonly verbose: boolean;
  readonly help: boolean;
}

/** The command was called in a way that makes no sense. The message is for the person who called it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const exitCodes = { ok: 0, lost: 1, usage: 2, unavailable: 3 } as const;

export const help = `Usage: npm run demo -- [options] [FILE | -]

Publishes every event of FILE (newline-delimited JSON; - for standard input; without it a shipped sample of 1,200
orders) and handles it in a second process. Midway every connection is cut and the second process is killed. At the end
a ledger accounts for every event.

  --seed N             which events fail, and when the faults strike: a whole number (default 1)
  --json               end with one JSON object on the last line of standard output
  --ledger FILE        write one JSON line per event: its line, confirms, failures and what became of it
  --stall-seconds N    give up after so long without any progress (default 60)
  --verbose            show the SDK's own structured log on standard error
  --help               this text

Exit code: ${exitCodes.ok} every event is accounted for; ${exitCodes.lost} something is lost or not accounted for in time;
${exitCodes.usage} wrong usage or unreadable input; ${exitCodes.unavailable} no broker, or a process of the demo failed; 130 interrupted.
Lines that are no JSON object are reported on standard error and left out; they do not change the exit code.
The broker is the first that works of AMQP_URL, a container, rabbitmq-server; SUREHOP_BROKER=url|container|node names one.
`;

const sample = fileURLToPath(new URL('sample.ndjson', import.meta.url));

/** @throws {UsageError} an unknown option, or a value that makes no sense */
export function parseOptions(args: readonly string[], folder: string): Options {
  const { values, positionals } = parsed(args);
  if (positionals.length > 1) throw new UsageError(`one FILE can be given, got ${positionals.join(' and ')}`);
  const [input] = positionals;
  if (input === '') throw new UsageError('FILE must not be empty');
  return {
    input: input === undefined ? sample : input === '-' ? '-' : resolve(folder, input),
    seed: wholeNumber('--seed', values.seed, 0),
    json: values.json,
    ledger: values.ledger === undefined ? undefined : resolve(folder, values.ledger),
    stallSeconds: wholeNumber('--stall-seconds', values['stall-seconds'], 1),
    verbose: values.verbose,
    help: values.help,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        seed: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
        ledger: { type: 'string' },
        'stall-seconds': { type: 'string', default: '60' },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    });
  } catch (cause) {
    // Node's own advice, to put the argument after `--`, would turn a mistyped option into a file name.
    const [message = ''] = (cause as Error).message.split('. ');
    throw new UsageError(message, { cause });
  }
}

function wholeNumber(option: string, text: string, min: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new UsageError(`${option} must be a whole number of at least ${min}, got ${JSON.stringify(text)}`);
}
