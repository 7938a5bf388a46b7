import { type CheckCode, integer, invalid, kindOf, knownKeys } from './option-checks.ts';

/** How often, and after what waits, a failed message is tried again. */
export interface RetryPolicy {
  /**
   * Waits between the attempts, in milliseconds, each longer than the one before, at most ten years.
   * Attempts are one more than delays; `[]` sends the first failure to the dead-letter queue.
   * @default [1_000, 10_000, 60_000, 600_000]
   */
  readonly delaysMs: readonly number[];
}

/**
 * Ten years in milliseconds, the longest that the broker takes for `x-message-ttl` and `expiration`: above it a
 * declare or a publish is answered by closing the channel (rabbitmq-server#4836; found by search on 3.10.8).
 */
export const longestDelayMs = 315_360_000_000;

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
export function resolveRetry(what: string, given: Partial<RetryPolicy> | undefined, code?: CheckCode): RetryPolicy {
  if (given === undefined) return defaultRetry;
  knownKeys(`retry of ${what}`, given, ['delaysMs'], code);
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
