import type { RetryPolicy } from '@surehop/core';
import { integer, knownKeys } from '@surehop/core/internal';

export interface ConsumerOptions {
  /**
   * Handlers that run at once, 1 to 65,535.
   * @default 10
   */
  readonly concurrency?: number;
  /**
   * Deliveries that the broker hands over before the first of them is settled, 1 to 65,535: those that are handled, those
   * whose retry copy is not confirmed yet, and those that wait for a free handler. More than `concurrency` is faster
   * where handlers take less than a round trip; all of them are given back, or delivered again, when this process ends.
   * @default concurrency
   */
  readonly prefetch?: number;
  /**
   * Longest time for one message, decoding included, in milliseconds, 1 to 2^31 - 1. Then its signal is aborted and the
   * attempt counts as failed. Keep it below the broker's own consumer timeout (30 minutes, unless configured).
   * @default 60_000
   */
  readonly handlerTimeoutMs?: number;
  /**
   * After its signal was aborted at the limit, how long a handler may still take to return, in milliseconds. What
   * returns in this time is done; what does not is settled as failed, and keeps its slot until it returns.
   * @default 5_000
   */
  readonly handlerGraceMs?: number;
  /**
   * How long `close()` waits for running handlers before it aborts their signals and gives their messages back, in milliseconds.
   * @default 10_000
   */
  readonly drainTimeoutMs?: number;
  /**
   * How long `createConsumer` goes on trying what may pass (a connection that is down), in milliseconds.
   * @default 30_000
   */
  readonly startTimeoutMs?: number;
}

export interface RawConsumerOptions extends ConsumerOptions {
  /**
   * The waits between attempts, of which each gets a queue of its own.
   * @default 1 s, 10 s, 1 min, 10 min, then the dead-letter queue
   */
  readonly retry?: Partial<RetryPolicy>;
}

/** A queue without a contract: it must exist, and bodies are bytes. */
export interface RawQueue {
  readonly queue: string;
  readonly raw: true;
}

export type ResolvedConsumerOptions = Readonly<Required<ConsumerOptions>>;

/** The longest that a timer can hold. */
const longestMs = 2 ** 31 - 1;

const defaults = {
  concurrency: 10,
  handlerTimeoutMs: 60_000,
  handlerGraceMs: 5_000,
  drainTimeoutMs: 10_000,
  startTimeoutMs: 30_000,
} as const satisfies Omit<Required<ConsumerOptions>, 'prefetch'>;

const known: readonly string[] = [...Object.keys(defaults), 'prefetch'];

/**
 * The only place where defaults are applied and options are checked.
 *
 * @param raw whether `retry` is an option: a contract brings its own
 */
export function resolveConsumerOptions(given: RawConsumerOptions, raw: boolean): ResolvedConsumerOptions {
  knownKeys('createConsumer', given, raw ? [...known, 'retry'] : known);
  const concurrency = given.concurrency ?? defaults.concurrency;
  const resolved = {
    concurrency,
    prefetch: given.prefetch ?? concurrency,
    handlerTimeoutMs: given.handlerTimeoutMs ?? defaults.handlerTimeoutMs,
    handlerGraceMs: given.handlerGraceMs ?? defaults.handlerGraceMs,
    drainTimeoutMs: given.drainTimeoutMs ?? defaults.drainTimeoutMs,
    startTimeoutMs: given.startTimeoutMs ?? defaults.startTimeoutMs,
  };
  integer('concurrency', resolved.concurrency, 1, 65_535);
  integer('prefetch', resolved.prefetch, 1, 65_535);
  integer('handlerTimeoutMs', resolved.handlerTimeoutMs, 1, longestMs);
  integer('handlerGraceMs', resolved.handlerGraceMs, 0, longestMs);
  integer('drainTimeoutMs', resolved.drainTimeoutMs, 0, longestMs);
  integer('startTimeoutMs', resolved.startTimeoutMs, 1, longestMs);
  return Object.freeze(resolved);
}
