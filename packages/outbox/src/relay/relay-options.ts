import type { ExchangeContract, QueueContract, StreamContract } from '@surehop/core';
import { integer, invalid, kindOf, knownKeys } from '@surehop/core/internal';

export interface RelayOptions {
  /**
   * What the messages go to, where the relay is to declare it: queues and exchanges of contracts, on their first message.
   * @default none: what messages go to exists already
   */
  // biome-ignore lint/suspicious/noExplicitAny: contracts of any bodies, which were checked when they were stored
  readonly contracts?: readonly (QueueContract<any, any> | ExchangeContract<any, any> | StreamContract<any, any>)[];
  /**
   * How often to look for messages without having been woken, in milliseconds, 10 to 3_600_000.
   * @default 1_000
   */
  readonly pollMs?: number;
  /**
   * How long one message may take to be confirmed before it goes back to the others, in milliseconds, 1 to 600_000. A
   * transaction is open for as long.
   * @default 10_000
   */
  readonly deadlineMs?: number;
  /**
   * Attempts that the broker may answer with a refusal before a message is set aside, 1 to 1_000. A broker that is away
   * or does not answer uses none up.
   * @default 10
   */
  readonly maxAttempts?: number;
  /**
   * Ceiling of the delay after the first refusal, in milliseconds, 1 to 3_600_000. It doubles with each further one; the
   * delay is at least half of it, the rest is chance.
   * @default 1_000
   */
  readonly retryDelayMs?: number;
  /**
   * Ceiling of every delay, in milliseconds, up to 3_600_000.
   * @default 60_000
   */
  readonly retryMaxDelayMs?: number;
  /**
   * How long sent messages are kept, in milliseconds, up to ten years: as long as their ids are known, and a second
   * message of the same id is told apart.
   * @default 3_600_000 (an hour)
   */
  readonly retentionMs?: number;
  /**
   * How often depth, age and the number of set-aside messages are looked up, and what is old is removed, in milliseconds,
   * 100 to 3_600_000.
   * @default 10_000
   */
  readonly inspectMs?: number;
  /**
   * Largest body, in bytes: set it where the broker's `max_message_size` is lower.
   * @default 16_777_216 (16 MiB)
   */
  readonly maxMessageBytes?: number;
}

export type ResolvedRelayOptions = Readonly<Required<RelayOptions>>;

const hourMs = 3_600_000;

const defaults = {
  contracts: [],
  pollMs: 1_000,
  deadlineMs: 10_000,
  maxAttempts: 10,
  retryDelayMs: 1_000,
  retryMaxDelayMs: 60_000,
  retentionMs: hourMs,
  inspectMs: 10_000,
  maxMessageBytes: 16 * 1_024 * 1_024,
} as const satisfies Required<RelayOptions>;

/** The only place where defaults are applied and options are checked. */
export function resolveRelayOptions(given: RelayOptions): ResolvedRelayOptions {
  knownKeys('createRelay', given, Object.keys(defaults));
  const resolved = {
    contracts: given.contracts ?? defaults.contracts,
    pollMs: given.pollMs ?? defaults.pollMs,
    deadlineMs: given.deadlineMs ?? defaults.deadlineMs,
    maxAttempts: given.maxAttempts ?? defaults.maxAttempts,
    retryDelayMs: given.retryDelayMs ?? defaults.retryDelayMs,
    retryMaxDelayMs: given.retryMaxDelayMs ?? defaults.retryMaxDelayMs,
    retentionMs: given.retentionMs ?? defaults.retentionMs,
    inspectMs: given.inspectMs ?? defaults.inspectMs,
    maxMessageBytes: given.maxMessageBytes ?? defaults.maxMessageBytes,
  };
  integer('pollMs', resolved.pollMs, 10, hourMs);
  integer('deadlineMs', resolved.deadlineMs, 1, 600_000);
  integer('maxAttempts', resolved.maxAttempts, 1, 1_000);
  integer('retryDelayMs', resolved.retryDelayMs, 1, hourMs);
  integer('retryMaxDelayMs', resolved.retryMaxDelayMs, resolved.retryDelayMs, hourMs);
  integer('retentionMs', resolved.retentionMs, 0, 10 * 365 * 24 * hourMs);
  integer('inspectMs', resolved.inspectMs, 100, hourMs);
  integer('maxMessageBytes', resolved.maxMessageBytes, 1, 512 * 1_024 * 1_024);
  if (!Array.isArray(resolved.contracts)) invalid(`contracts must be an array, got ${kindOf(resolved.contracts)}`);
  for (const contract of resolved.contracts as readonly { kind?: unknown }[]) {
    if (['queue', 'exchange', 'stream'].includes(String(contract?.kind))) continue;
    invalid(`contracts must hold what defineQueue, defineExchange and defineStream returned, got ${kindOf(contract)}`);
  }
  return Object.freeze(resolved);
}
