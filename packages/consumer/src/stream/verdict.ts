import { type FailureReason, isDeadLetter, isRetryLater } from '@surehop/core/internal';
import { UnreadableBody } from '../decide.ts';

/** What becomes of a message of a stream that failed. */
export type StreamVerdict =
  | { readonly verdict: 'retry'; readonly delayMs: number; readonly countAttempt: boolean }
  | { readonly verdict: 'dead'; readonly reason: FailureReason };

/** What one that counts no attempt waits at the least, in milliseconds: nothing else would ever end it. */
const leastUncountedMs = 100;

/**
 * Pure: what a failure means. It is tried again in its place, so that a wait is as long as was asked, and no longer.
 *
 * @param ownDelayMs how long the policy lets it wait; undefined when its attempts are used up
 */
export function verdictOn(error: unknown, ownDelayMs: number | undefined): StreamVerdict {
  if (error instanceof UnreadableBody) return { verdict: 'dead', reason: error.reason };
  if (isDeadLetter(error)) return { verdict: 'dead', reason: 'dead-letter' };
  const asked = askedDelay(error);
  const countAttempt = asked?.countAttempt ?? true;
  if (countAttempt && ownDelayMs === undefined) return { verdict: 'dead', reason: 'failed' };
  const delayMs = asked?.delayMs ?? ownDelayMs ?? 0;
  return { verdict: 'retry', delayMs: countAttempt ? delayMs : Math.max(leastUncountedMs, delayMs), countAttempt };
}

/** Of another copy of the package, or made by hand, it may hold anything. */
function askedDelay(error: unknown): { readonly delayMs: number; readonly countAttempt: boolean } | undefined {
  if (!isRetryLater(error)) return undefined;
  const { delayMs, countAttempt } = error;
  if (!Number.isSafeInteger(delayMs) || delayMs < 0) return undefined;
  return { delayMs, countAttempt: countAttempt !== false };
}
