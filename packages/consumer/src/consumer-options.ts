import type { RetryPolicy } from '@surehop/core';
import { functionOption, integer, invalid, knownKeys, oneOf } from '@surehop/core/internal';
import type { OrderBy } from './message-key.ts';
import type { AfterDeadLetter, OrderRule } from './order.ts';
import {
  type ResequenceOptions,
  type ResolvedResequenceOptions,
  resolveResequenceOptions,
} from './resequencing/resequence-options.ts';

export interface ConsumerOptions<Out = unknown> {
  /**
   * Handlers that run at once, 1 to 65,535.
   * @default 10
   */
  readonly concurrency?: number;
  /**
   * Deliveries that the broker hands over before the first of them is settled, 1 to 65,535: those that are handled, those
   * whose retry copy is not confirmed yet, and those that wait for a free handler. More than `concurrency` is faster
   * where handlers take less than a round trip; all of them are given back, or delivered again, when this process ends.
   * @default concurrency; with `orderBy`, 1,000 more than that
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
  /**
   * Puts messages back into the order in which they were published, each sequence for itself: docs/resequencing.md. With
   * it, `prefetch` is `resequence.maxBuffered` and `concurrency` together unless it is given, and a message that fails is
   * tried again here, without a retry queue. Not together with `orderBy`, nor with a contract whose retries are the broker's.
   * @default none: messages are handled as they come
   */
  readonly resequence?: ResequenceOptions;
  /**
   * Says whose order a message belongs to: those of one key are handled one after the other in the order of the queue,
   * those of different keys side by side. A retry waits in hand and holds back its own key. The contract must have
   * `singleActiveConsumer: true`; a raw queue must have been declared so, or be consumed by nobody else.
   * @default none: messages are handled in any order
   */
  readonly orderBy?: OrderBy<Out>;
  /**
   * What becomes of a key when one of its messages is in the dead-letter queue: the next one is handled, or none until
   * `release(key)` is called or another process takes over. Only with `orderBy`. Before RabbitMQ 4.3 a halt has an end:
   * after `deliveryLimit` times the broker's consumer timeout (some 25 hours) the broker dead-letters the key's messages,
   * docs/order.md.
   * @default 'continue'
   */
  readonly afterDeadLetter?: AfterDeadLetter;
  /**
   * How many messages may wait in hand, unacknowledged, for an earlier one of their key that failed; 0 to 65,535. Beyond
   * that they are laid aside, in order, into the queue `<queue>.waiting`. With more than `prefetch`, none ever is. Only
   * with `orderBy`.
   * @default 20
   */
  readonly mostHeld?: number;
  /**
   * How many messages may be laid aside, 0 to 60,000. All of them are in this process's memory as well. When they are as
   * many, further ones wait in hand, and when all of `prefetch` does, nothing more is handled until a key moves. What may
   * be ending its processes is laid aside beyond that. Only with `orderBy`.
   * @default 10_000
   */
  readonly mostWaiting?: number;
}

export interface RawConsumerOptions extends ConsumerOptions<Uint8Array> {
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

export interface ResolvedConsumerOptions
  extends Readonly<Required<Omit<ConsumerOptions, 'resequence' | keyof OrderRule>>> {
  readonly resequence: ResolvedResequenceOptions | undefined;
  /** Undefined where messages are handled in any order, or in that of their numbers. */
  readonly rule: OrderRule | undefined;
}

const longestPrefetch = 65_535;

/** The longest that a timer can hold. */
const longestMs = 2 ** 31 - 1;

const defaults = {
  concurrency: 10,
  handlerTimeoutMs: 60_000,
  handlerGraceMs: 5_000,
  drainTimeoutMs: 10_000,
  startTimeoutMs: 30_000,
} as const satisfies Omit<Required<ConsumerOptions>, 'prefetch' | 'resequence' | keyof OrderRule>;

const orderDefaults = { afterDeadLetter: 'continue', mostHeld: 20, mostWaiting: 10_000 } as const;

const known: readonly string[] = [
  ...Object.keys(defaults),
  ...Object.keys(orderDefaults),
  'prefetch',
  'resequence',
  'orderBy',
];

/** All that waits must fit into the largest prefetch, also what several processes have sent in turn. */
const longestWaiting = 60_000;

/** What may wait in hand for earlier messages of its key. */
const defaultHeld = 1_000;

/**
 * The only place where defaults are applied and options are checked.
 *
 * @param raw whether `retry` is an option: a contract brings its own
 */
export function resolveConsumerOptions(given: RawConsumerOptions, raw: boolean): ResolvedConsumerOptions {
  knownKeys('createConsumer', given, raw ? [...known, 'retry'] : known);
  const concurrency = given.concurrency ?? defaults.concurrency;
  const resequence = given.resequence === undefined ? undefined : resolveResequenceOptions(given.resequence);
  const rule = resolveRule(given);
  if (resequence !== undefined && rule !== undefined) {
    invalid(
      'orderBy and resequence exclude each other: messages have the order of their queue, or that of their numbers',
    );
  }
  const held = rule === undefined ? (resequence?.maxBuffered ?? 0) : defaultHeld;
  const resolved = {
    concurrency,
    prefetch: given.prefetch ?? Math.min(longestPrefetch, concurrency + held),
    handlerTimeoutMs: given.handlerTimeoutMs ?? defaults.handlerTimeoutMs,
    handlerGraceMs: given.handlerGraceMs ?? defaults.handlerGraceMs,
    drainTimeoutMs: given.drainTimeoutMs ?? defaults.drainTimeoutMs,
    startTimeoutMs: given.startTimeoutMs ?? defaults.startTimeoutMs,
    resequence,
    rule,
  };
  integer('concurrency', resolved.concurrency, 1, 65_535);
  integer('prefetch', resolved.prefetch, 1, longestPrefetch);
  if (resequence !== undefined && resequence.maxBuffered > resolved.prefetch) {
    const { maxBuffered } = resequence;
    invalid(
      `prefetch must be at least resequence.maxBuffered, got ${resolved.prefetch} and ${maxBuffered}: with all that was asked for held, what they wait for could never come`,
    );
  }
  integer('handlerTimeoutMs', resolved.handlerTimeoutMs, 1, longestMs);
  integer('handlerGraceMs', resolved.handlerGraceMs, 0, longestMs);
  integer('drainTimeoutMs', resolved.drainTimeoutMs, 0, longestMs);
  integer('startTimeoutMs', resolved.startTimeoutMs, 1, longestMs);
  return Object.freeze(resolved);
}

function resolveRule(given: ConsumerOptions<never>): OrderRule | undefined {
  const { orderBy } = given;
  if (orderBy === undefined) {
    for (const option of Object.keys(orderDefaults) as (keyof typeof orderDefaults)[]) {
      if (given[option] !== undefined) invalid(`${option} has no meaning without orderBy`);
    }
    return undefined;
  }
  functionOption('orderBy', orderBy);
  const afterDeadLetter = given.afterDeadLetter ?? orderDefaults.afterDeadLetter;
  const mostHeld = given.mostHeld ?? orderDefaults.mostHeld;
  const mostWaiting = given.mostWaiting ?? orderDefaults.mostWaiting;
  oneOf('afterDeadLetter', afterDeadLetter, ['continue', 'halt']);
  integer('mostHeld', mostHeld, 0, longestPrefetch);
  integer('mostWaiting', mostWaiting, 0, longestWaiting);
  return { orderBy, afterDeadLetter, mostHeld, mostWaiting };
}
