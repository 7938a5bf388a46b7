import { resolve } from 'node:path';
import {
  type ExchangeContract,
  type Logger,
  type QueueContract,
  type StreamContract,
  SurehopError,
} from '@surehop/core';
import { integer, kindOf, knownKeys, nonEmptyString, oneOf } from '@surehop/core/internal';
import { longestDeadlineMs } from '@surehop/publisher/internal';

export interface SpoolOptions {
  /**
   * Where messages are kept: an SQLite file on a local disk, with its log (`-wal`) and lock (`.lock`) beside it. Made where
   * there is none; the folder must exist. One process at a time has it.
   */
  readonly file: string;
  /**
   * Messages in the file at the most, sent ones not counted, set-aside ones included. 1 to 100_000_000.
   * @default 1_000_000
   */
  readonly maxMessages?: number;
  /**
   * The same bound in bytes of bodies and headers. The file takes up to a third more, and some 400 bytes per message.
   * @default 1_073_741_824 (1 GiB)
   */
  readonly maxBytes?: number;
  /**
   * How long a message may wait to be sent, in milliseconds; then it is set aside as `expired`, never dropped. At least 1_000.
   * @default 604_800_000 (7 days)
   */
  readonly maxAgeMs?: number;
  /**
   * What a call meets that finds no room: `reject` rejects it at once with SUREHOP_SPOOL_FULL, `wait` lets it wait for room
   * within its deadline. What is stored is never pushed out.
   * @default 'reject'
   */
  readonly whenFull?: 'reject' | 'wait';
  /**
   * Waits between the tries of a message that the broker refuses or cannot route, in milliseconds. After the last it is
   * set aside. `[]`: after the first try.
   * @default [1_000, 10_000, 60_000, 600_000]
   */
  readonly retryDelaysMs?: readonly number[];
  /**
   * How long a call may take until its message is on the disk or with the broker, in milliseconds, 1 to 2^31 - 1.
   * @default 30_000
   */
  readonly deadlineMs?: number;
  /**
   * Calls that wait for the disk, for room or for an asynchronous schema. Above it, a call rejects at once with
   * SUREHOP_PUBLISHER_FULL. 1 to 1_000_000.
   * @default 10_000
   */
  readonly maxWaiting?: number;
  /**
   * The same bound in bytes of bodies and headers. A single larger message may wait alone.
   * @default 67_108_864 (64 MiB)
   */
  readonly maxWaitingBytes?: number;
  /**
   * Messages on their way to the broker at once, 1 to 1_000_000; those that leave at once and those from the file alike.
   * @default 1_000
   */
  readonly maxUnconfirmed?: number;
  /**
   * Largest body, in bytes; see the publisher's option of this name.
   * @default 16_777_216 (16 MiB)
   */
  readonly maxMessageBytes?: number;
  /**
   * Contracts of messages that an earlier process may have left. What is in the file suffices to send them; give these
   * where a contract has changed since, so that its topology is declared as it is now.
   * @default [] (a contract counts as changed from its first publish on)
   */
  readonly contracts?: readonly (QueueContract | ExchangeContract | StreamContract)[];
  /**
   * How often depth, oldest age, rate and set-aside count are logged while there is something to tell, in milliseconds.
   * @default 60_000
   */
  readonly reportEveryMs?: number;
  /**
   * Any pino-shaped logger.
   * @default the connection's; while there is none yet, pino at level `warn` on standard error
   */
  readonly log?: Logger;
}

type Defaulted = Exclude<keyof SpoolOptions, 'file' | 'log'>;

export type ResolvedSpoolOptions = Readonly<Required<Pick<SpoolOptions, Defaulted | 'file'>>> &
  Pick<SpoolOptions, 'log'>;

const mebibyte = 1_024 * 1_024;

const defaults: Required<Pick<SpoolOptions, Defaulted>> = {
  maxMessages: 1_000_000,
  maxBytes: 1_024 * mebibyte,
  maxAgeMs: 7 * 24 * 3_600_000,
  whenFull: 'reject',
  retryDelaysMs: [1_000, 10_000, 60_000, 600_000],
  deadlineMs: 30_000,
  maxWaiting: 10_000,
  maxWaitingBytes: 64 * mebibyte,
  maxUnconfirmed: 1_000,
  maxMessageBytes: 16 * mebibyte,
  contracts: [],
  reportEveryMs: 60_000,
};

/** The only place where defaults are applied and options are checked. */
export function resolveSpoolOptions(given: SpoolOptions): ResolvedSpoolOptions {
  knownKeys('createSpoolingPublisher', given, ['file', 'log', ...Object.keys(defaults)]);
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const options = { ...defaults, ...chosen } as ResolvedSpoolOptions;
  nonEmptyString('file', options.file);
  if (options.file.includes('\0') || options.file.startsWith(':')) invalid('file must be the path of a file');
  integer('maxMessages', options.maxMessages, 1, 100_000_000);
  integer('maxBytes', options.maxBytes, 1);
  integer('maxAgeMs', options.maxAgeMs, 1_000);
  oneOf('whenFull', options.whenFull, ['reject', 'wait']);
  integer('deadlineMs', options.deadlineMs, 1, longestDeadlineMs);
  integer('maxWaiting', options.maxWaiting, 1, 1_000_000);
  integer('maxWaitingBytes', options.maxWaitingBytes, 1);
  integer('maxUnconfirmed', options.maxUnconfirmed, 1, 1_000_000);
  integer('maxMessageBytes', options.maxMessageBytes, 1, 512 * mebibyte);
  integer('reportEveryMs', options.reportEveryMs, 1, longestDeadlineMs);
  checkDelays(options.retryDelaysMs);
  checkContracts(options.contracts);
  return Object.freeze({ ...options, file: resolve(options.file) });
}

function checkDelays(given: unknown): void {
  if (!Array.isArray(given)) invalid(`retryDelaysMs must be an array, got ${kindOf(given)}`);
  for (const [index, delayMs] of given.entries()) integer(`retryDelaysMs[${index}]`, delayMs, 1, longestDeadlineMs);
}

function checkContracts(given: unknown): void {
  if (!Array.isArray(given)) invalid(`contracts must be an array, got ${kindOf(given)}`);
  for (const contract of given as { kind?: unknown }[]) {
    if (['queue', 'exchange', 'stream'].includes(String(contract?.kind))) continue;
    invalid(`contracts must be what defineQueue, defineExchange or defineStream returned, got ${kindOf(contract)}`);
  }
}

function invalid(message: string): never {
  throw new SurehopError('SUREHOP_OPTION_INVALID', message, { retryable: false });
}
