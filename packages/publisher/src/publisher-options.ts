import type { SequenceStore } from '@surehop/core';
import { integer, invalid, kindOf, knownKeys } from '@surehop/core/internal';

export interface PublisherOptions {
  /**
   * Messages on their way at once: written and not confirmed, or kept while the connection is down. Above it, calls
   * wait. 1 to 1_000_000; 1 means that each message waits for the confirm of the one before.
   * @default 1_000
   */
  readonly maxUnconfirmed?: number;
  /**
   * The same bound in bytes of bodies and headers. A single larger message goes through alone.
   * @default 67_108_864 (64 MiB)
   */
  readonly maxUnconfirmedBytes?: number;
  /**
   * Calls that wait: for room, for the first declaration of a contract's topology, for an asynchronous schema. Above it,
   * a call rejects at once with SUREHOP_PUBLISHER_FULL. 1 to 1_000_000.
   * @default 10_000
   */
  readonly maxWaiting?: number;
  /**
   * The same bound in bytes of bodies and headers. A single larger message may wait alone.
   * @default 67_108_864 (64 MiB)
   */
  readonly maxWaitingBytes?: number;
  /**
   * How long a publish may take from the call to the confirm, whatever happens between, in milliseconds, 1 to 2^31 - 1.
   * Each call can say another.
   * @default 30_000
   */
  readonly deadlineMs?: number;
  /**
   * Largest body, in bytes; a larger one is refused before it is written. The broker does not announce its own
   * `max_message_size`: set this where that is lower than 16 MiB, its default since RabbitMQ 4.0.
   * @default 16_777_216 (16 MiB)
   */
  readonly maxMessageBytes?: number;
  /**
   * Gives messages with `sequence` their numbers.
   * @default none: they are counted in memory, and a process that starts begins another numbering
   */
  readonly sequences?: SequenceStore;
  /**
   * Calls of `publishAndWait` that are not settled. Above it, a call rejects at once with SUREHOP_PUBLISHER_FULL. What is
   * stored and waits for its answer takes no part in the other bounds. 1 to 1_000_000.
   * @default 10_000
   */
  readonly maxAwaitedAnswers?: number;
}

export type ResolvedPublisherOptions = Readonly<Required<Omit<PublisherOptions, 'sequences'>>> & {
  readonly sequences: SequenceStore | undefined;
};

const mebibyte = 1_024 * 1_024;

const defaults = {
  maxUnconfirmed: 1_000,
  maxUnconfirmedBytes: 64 * mebibyte,
  maxWaiting: 10_000,
  maxWaitingBytes: 64 * mebibyte,
  deadlineMs: 30_000,
  maxMessageBytes: 16 * mebibyte,
  maxAwaitedAnswers: 10_000,
} as const satisfies Omit<Required<PublisherOptions>, 'sequences'>;

/** The longest wait that a timer can hold. */
export const longestDeadlineMs: number = 2 ** 31 - 1;

/** The only place where defaults are applied and options are checked. */
export function resolvePublisherOptions(given: PublisherOptions): ResolvedPublisherOptions {
  knownKeys('createPublisher', given, [...Object.keys(defaults), 'sequences']);
  const resolved = {
    maxUnconfirmed: given.maxUnconfirmed ?? defaults.maxUnconfirmed,
    maxUnconfirmedBytes: given.maxUnconfirmedBytes ?? defaults.maxUnconfirmedBytes,
    maxWaiting: given.maxWaiting ?? defaults.maxWaiting,
    maxWaitingBytes: given.maxWaitingBytes ?? defaults.maxWaitingBytes,
    deadlineMs: given.deadlineMs ?? defaults.deadlineMs,
    maxMessageBytes: given.maxMessageBytes ?? defaults.maxMessageBytes,
    sequences: given.sequences,
    maxAwaitedAnswers: given.maxAwaitedAnswers ?? defaults.maxAwaitedAnswers,
  };
  integer('maxUnconfirmed', resolved.maxUnconfirmed, 1, 1_000_000);
  integer('maxUnconfirmedBytes', resolved.maxUnconfirmedBytes, 1);
  integer('maxWaiting', resolved.maxWaiting, 1, 1_000_000);
  integer('maxWaitingBytes', resolved.maxWaitingBytes, 1);
  integer('deadlineMs', resolved.deadlineMs, 1, longestDeadlineMs);
  integer('maxMessageBytes', resolved.maxMessageBytes, 1, 512 * mebibyte);
  if (resolved.sequences !== undefined) checkStore(resolved.sequences);
  integer('maxAwaitedAnswers', resolved.maxAwaitedAnswers, 1, 1_000_000);
  return Object.freeze(resolved);
}

function checkStore(store: Partial<SequenceStore> | null): void {
  if (typeof store?.take === 'function' && typeof store.notStored === 'function') return;
  invalid(`sequences must be a SequenceStore, got ${kindOf(store)}`);
}
