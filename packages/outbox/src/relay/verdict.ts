import { isSurehopError, type OutboxResult } from '@surehop/core';
import { asError, fullJitter } from '@surehop/core/internal';

/** What lies with the connection, or with us, and not with the message. */
const passing: ReadonlySet<string> = new Set([
  'SUREHOP_PUBLISH_NOT_SENT',
  'SUREHOP_PUBLISH_UNKNOWN',
  'SUREHOP_PUBLISHER_FULL',
  'SUREHOP_CLOSED',
]);

export interface VerdictOptions {
  readonly maxAttempts: number;
  readonly retryDelayMs: number;
  readonly retryMaxDelayMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/**
 * Pure, given its randomness: what becomes of a message that was not confirmed. What nobody has thought of counts against
 * the message: set aside it is seen, where it would otherwise be tried for ever.
 *
 * @param attempts that failed before
 */
export function verdictOn(thrown: unknown, attempts: number, options: VerdictOptions): OutboxResult {
  const { name, message } = asError(thrown);
  const code = isSurehopError(thrown) ? thrown.code : name;
  if (passing.has(code)) return { status: 'waiting' };
  const error = { code, message };
  if (attempts + 1 >= options.maxAttempts) return { status: 'set aside', error };
  return { status: 'failed', error, delayMs: delayMs(attempts + 1, options) };
}

/** Half of it is sure: a delay near 0 would use up an attempt for nothing. */
function delayMs(attempt: number, { retryDelayMs, retryMaxDelayMs, random }: VerdictOptions): number {
  const ceiling = fullJitter({ baseMs: retryDelayMs, maxMs: retryMaxDelayMs, random: () => 1 })(attempt);
  return Math.ceil(ceiling / 2 + (random() * ceiling) / 2);
}
