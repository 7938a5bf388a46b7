import type { RetryPolicy } from '@surehop/core';
import {
  type Attempts,
  type FailureReason,
  fallbackDelayMs,
  isDeadLetter,
  isRetryLater,
  retryDelayMs,
  smallestRung,
} from '@surehop/core/internal';

/** What becomes of a message that failed. */
export type Verdict =
  | {
      readonly verdict: 'retry';
      /** How long it waits at the least, in milliseconds. */
      readonly delayMs: number;
      /** Where it waits: in a rung; in the delay network, and where that does not stand in a rung; in its own queue. */
      readonly way: 'rung' | 'network' | 'broker';
      /** The delay of the rung that it waits in; shorter than `delayMs` where none is long enough: it is sent on then. */
      readonly rungMs: number;
      /** Whether this failure uses up an attempt. */
      readonly countAttempt: boolean;
      /** Not to be handled before, in milliseconds since the Unix epoch; undefined where the rung alone is long enough. */
      readonly notBefore: number | undefined;
    }
  | { readonly verdict: 'dead'; readonly reason: FailureReason };

/** A body that cannot be read. Not exported: no handler can throw it. */
export class UnreadableBody extends Error {
  override readonly name = 'UnreadableBody';
  readonly reason: 'undecodable' | 'invalid';
  readonly error: Error;

  constructor(reason: 'undecodable' | 'invalid', error: Error) {
    super(error.message, { cause: error });
    this.reason = reason;
    this.error = error;
  }
}

/**
 * Pure: what a failure means.
 *
 * @param attempt 1 for the first
 * @param now in milliseconds since the Unix epoch
 * @param random in [0, 1)
 */
export function decide(
  error: unknown,
  attempt: number,
  retry: RetryPolicy,
  now: number,
  random: () => number,
): Verdict {
  if (error instanceof UnreadableBody) return { verdict: 'dead', reason: error.reason };
  if (isDeadLetter(error)) return { verdict: 'dead', reason: 'dead-letter' };
  const asked = retryLater(error);
  const countAttempt = asked?.countAttempt ?? true;
  const { delaysMs } = retry;
  const delayMs = retryDelayMs(retry, attempt, random);
  if (countAttempt && delayMs === undefined) return { verdict: 'dead', reason: 'failed' };
  const waitMs = asked?.delayMs ?? delayMs ?? fallbackDelayMs;
  const wait = waitFor(waitMs, delaysMs, now);
  const isBrokers = retry.broker !== undefined && asked === undefined;
  const way = isBrokers ? 'broker' : isNear(wait.rungMs, waitMs, delaysMs) ? 'rung' : 'network';
  return { verdict: 'retry', countAttempt, way, ...wait };
}

/** Whether a rung keeps a message as long as the delay network would: it is the faster way. */
function isNear(rungMs: number, waitMs: number, delaysMs: readonly number[]): boolean {
  return delaysMs.includes(rungMs) && rungMs >= waitMs && rungMs - waitMs < networkResolutionMs;
}

/** Of its delays, in milliseconds. */
const networkResolutionMs = 100;

/** How many times a message may go round a rung of less than a minute to wait for as long as was asked. */
const shortRounds = 10;

/**
 * Pure: in which rung a message waits for so long, where the delay network does not stand. Beyond the longest rung it goes round until its time has come; where that
 * would be often, on a rung of a minute, since on a short one it would do nothing but be copied.
 */
export function waitFor(
  delayMs: number,
  delaysMs: readonly number[],
  now: number,
): { readonly delayMs: number; readonly rungMs: number; readonly notBefore: number | undefined } {
  const own = smallestRung(delaysMs, delayMs);
  const isGoodEnough = own !== undefined && (own >= fallbackDelayMs || delayMs <= own * shortRounds);
  const rungMs = isGoodEnough ? own : fallbackDelayMs;
  return { delayMs, rungMs, notBefore: rungMs < delayMs ? now + delayMs : undefined };
}

/** The rest of a wait that is not worth another round, in milliseconds. */
const negligibleMs = 50;

/**
 * Pure: how long a message must still wait by its `surehop-not-before`, in milliseconds; undefined when it may be handled.
 * A clock that stands before the moment of the failure was set back: by it the message would wait for as much longer.
 */
export function stillToWait(
  { notBefore, failedAt }: Pick<Attempts, 'notBefore' | 'failedAt'>,
  now: number,
): number | undefined {
  if (notBefore === undefined || (failedAt !== undefined && now < failedAt)) return undefined;
  return notBefore - now > negligibleMs ? notBefore - now : undefined;
}

/** The longest that a queue can keep a message waiting, in milliseconds. */
const tenYearsMs = 315_360_000_000;

/** Of another copy of the package, or made by hand, it may hold anything. */
function retryLater(error: unknown): { readonly delayMs: number; readonly countAttempt: boolean } | undefined {
  if (!isRetryLater(error)) return undefined;
  const { delayMs, countAttempt } = error;
  if (!Number.isSafeInteger(delayMs) || delayMs < 0) return undefined;
  return { delayMs: Math.min(delayMs, tenYearsMs), countAttempt: countAttempt !== false };
}
