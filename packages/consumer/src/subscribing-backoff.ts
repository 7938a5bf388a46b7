import { type Backoff, fullJitter } from '@surehop/core/internal';

/** Never at once, in milliseconds: a queue that is just being deleted answers with an error for the whole connection. */
const leastDelayMs = 50;

/** @param isFaulty whether waiting will not mend what keeps the consumer from subscribing */
export function subscribingBackoff(random: () => number, isFaulty: () => boolean): Backoff {
  const quick = fullJitter({ baseMs: 200, maxMs: 2_000, random });
  const slow = fullJitter({ baseMs: 2_000, maxMs: 10_000, random });
  return (attempt) => leastDelayMs + (isFaulty() ? slow(attempt) : quick(attempt));
}
