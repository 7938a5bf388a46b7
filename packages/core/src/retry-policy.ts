import { longestNetworkDelayMs } from './delay-limits.ts';
import { type CheckCode, integer, invalid, kindOf, knownKeys, number, oneOf } from './option-checks.ts';

/** How often, and after what waits, a failed message is tried again. */
export interface RetryPolicy {
  /**
   * Waits between the attempts, in milliseconds, each longer than the one before, at most ten years.
   * Attempts are one more than delays; `[]` sends the first failure to the dead-letter queue.
   * @default [1_000, 10_000, 60_000, 600_000]
   */
  readonly delaysMs: readonly number[];
  /** In place of a ladder: waits that grow and vary. Made by {@link exponential}. */
  readonly exponential?: ExponentialRetry;
  /** In place of a ladder: the broker itself keeps back what failed. */
  readonly broker?: BrokerRetry;
}

/** Retries by RabbitMQ's own hand, from 4.3 on: no copies, and linear waits. docs/delays.md says what it cannot do. */
export interface BrokerRetryOptions {
  readonly by: 'broker';
  /** The first wait in milliseconds, 1 to ten years; the wait after n failures is n times as long. */
  readonly minMs: number;
  /** No wait is longer, in milliseconds, `minMs` to ten years. @default ten times `minMs` */
  readonly maxMs?: number;
  /**
   * How often a message is handled at the most, the first time included, 1 to one more than the contract's
   * `deliveryLimit`. A consumer that died with the message counts as well.
   * @default 5
   */
  readonly attempts?: number;
}

export type BrokerRetry = Required<Omit<BrokerRetryOptions, 'by'>>;

/** Waits that grow by a factor. Each failed message waits in the delay network of its virtual host. */
export interface ExponentialRetry {
  readonly minMs: number;
  readonly maxMs: number;
  readonly factor: number;
  readonly jitter: number;
  readonly attempts: number;
}

export interface ExponentialOptions {
  /** The first wait, before jitter, in milliseconds, 1 to 366 days. @default 1_000 */
  readonly minMs?: number;
  /** No wait is longer, in milliseconds, `minMs` to 366 days. @default 600_000 */
  readonly maxMs?: number;
  /** By how much each wait is longer than the one before, 1 to 100. @default 2 */
  readonly factor?: number;
  /** The share of a wait that chance may take away, 0 to 1, so that what failed together comes back apart. @default 0.5 */
  readonly jitter?: number;
  /** How often a message is handled at the most, the first time included, 1 to 1_000. @default 10 */
  readonly attempts?: number;
}

/**
 * Ten years in milliseconds, the longest that the broker takes for `x-message-ttl` and `expiration`: above it a
 * declare or a publish is answered by closing the channel (rabbitmq-server#4836; found by search on 3.10.8).
 */
export const longestDelayMs = 315_360_000_000;

/**
 * A retry policy of waits that grow: the wait before attempt n + 1 is `minMs * factor ** (n - 1)`, at most `maxMs`, less
 * what chance takes away. They are as exact as the delay network, not as fast as a ladder's rungs.
 *
 * @throws {SurehopError} SUREHOP_CONTRACT_INVALID, naming the option
 */
export function exponential(options: ExponentialOptions = {}): RetryPolicy {
  const code = 'SUREHOP_CONTRACT_INVALID';
  knownKeys('exponential()', options, ['minMs', 'maxMs', 'factor', 'jitter', 'attempts'], code);
  const { minMs = 1_000, maxMs = Math.max(minMs, 600_000), factor = 2, jitter = 0.5, attempts = 10 } = options;
  integer('minMs of exponential()', minMs, 1, longestNetworkDelayMs, code);
  integer('maxMs of exponential()', maxMs, minMs, longestNetworkDelayMs, code);
  number('factor of exponential()', factor, 1, 100, code);
  number('jitter of exponential()', jitter, 0, 1, code);
  integer('attempts of exponential()', attempts, 1, 1_000, code);
  return Object.freeze({
    delaysMs: Object.freeze([]),
    exponential: Object.freeze({ minMs, maxMs, factor, jitter, attempts }),
  });
}

/**
 * Pure: how long a message waits that has failed so often, in milliseconds; undefined when its attempts are used up.
 *
 * @param attempt the one that failed, 1 for the first
 * @param random in [0, 1)
 */
export function retryDelayMs(
  { delaysMs, exponential: growing, broker }: RetryPolicy,
  attempt: number,
  random: () => number,
): number | undefined {
  if (broker !== undefined) {
    return attempt >= broker.attempts ? undefined : Math.min(broker.maxMs, broker.minMs * attempt);
  }
  if (growing === undefined) return delaysMs[attempt - 1];
  const { minMs, maxMs, factor, jitter, attempts } = growing;
  if (attempt >= attempts) return undefined;
  const waitMs = Math.min(maxMs, minMs * factor ** (attempt - 1));
  return Math.max(1, Math.round(waitMs * (1 - jitter * random())));
}

/** The rung that is declared for a `RetryLater` where the policy has none, in milliseconds. */
export const fallbackDelayMs = 60_000;

const defaultRetry: RetryPolicy = Object.freeze({
  delaysMs: Object.freeze([1_000, 10_000, 60_000, 600_000]),
});

/**
 * The policy with its default, checked and frozen.
 *
 * @param what whose policy it is, for example `queue "orders"`
 * @throws {SurehopError} with `code`, when a delay is no integer in [1, ten years] or not longer than the one before
 */
export function resolveRetry(
  what: string,
  given: Partial<RetryPolicy> | BrokerRetryOptions | undefined,
  code?: CheckCode,
): RetryPolicy {
  if (given === undefined) return defaultRetry;
  if ('by' in given) return resolveBrokerRetry(what, given, code);
  knownKeys(`retry of ${what}`, given, ['delaysMs', 'exponential'], code);
  if (given.exponential !== undefined) return resolveExponential(what, given, given.exponential, code);
  const { delaysMs = defaultRetry.delaysMs } = given;
  if (!Array.isArray(delaysMs)) invalid(`retry.delaysMs of ${what} must be an array, got ${kindOf(delaysMs)}`, code);
  for (const [index, delayMs] of delaysMs.entries()) {
    const option = `retry.delaysMs[${index}] of ${what}`;
    integer(option, delayMs, 1, longestDelayMs, code);
    const before = delaysMs[index - 1] ?? 0;
    if (delayMs <= before) invalid(`${option} must be longer than the one before it (${before}), got ${delayMs}`, code);
  }
  return Object.freeze({ delaysMs: Object.freeze([...delaysMs]) });
}

/** What {@link exponential} has made, or somebody by hand. */
function resolveExponential(
  what: string,
  { delaysMs = [] }: Partial<RetryPolicy>,
  given: ExponentialOptions,
  code: CheckCode | undefined,
): RetryPolicy {
  if (delaysMs.length > 0) invalid(`retry of ${what} must be a ladder of delaysMs or exponential, not both`, code);
  return exponential(given);
}

function resolveBrokerRetry(what: string, given: BrokerRetryOptions, code: CheckCode | undefined): RetryPolicy {
  knownKeys(`retry of ${what}`, given, ['by', 'minMs', 'maxMs', 'attempts'], code);
  oneOf(`retry.by of ${what}`, given.by, ['broker'], code);
  integer(`retry.minMs of ${what}`, given.minMs, 1, longestDelayMs, code);
  const { minMs, maxMs = Math.min(10 * minMs, longestDelayMs), attempts = 5 } = given;
  integer(`retry.maxMs of ${what}`, maxMs, minMs, longestDelayMs, code);
  integer(`retry.attempts of ${what}`, attempts, 1, 2 ** 31 - 1, code);
  return Object.freeze({ delaysMs: Object.freeze([]), broker: Object.freeze({ minMs, maxMs, attempts }) });
}
