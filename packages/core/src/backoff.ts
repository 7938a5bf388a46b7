/** Delay in milliseconds before attempt `attempt` (1 is the first retry). Pure, given its randomness. */
export type Backoff = (attempt: number) => number;

export interface FullJitterOptions {
  /** Ceiling of the first delay. */
  readonly baseMs: number;
  /** Ceiling of every delay. */
  readonly maxMs: number;
  /** Source of jitter, in [0, 1). */
  readonly random: () => number;
}

/** "Full jitter": uniform between 0 and the doubling ceiling, so a fleet does not reconnect in step. */
export function fullJitter({ baseMs, maxMs, random }: FullJitterOptions): Backoff {
  return (attempt) => Math.floor(random() * Math.min(maxMs, baseMs * 2 ** Math.max(0, attempt - 1)));
}
