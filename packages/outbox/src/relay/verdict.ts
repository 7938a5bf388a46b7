import { isSurehopError, type OutboxResult } from '@surehop/core';
import { asError, fullJitter } from '@surehop/core/internal';

/** What the broker, or the publisher in its place, has against one message. Everything else lies with the connection. */
const refusals: ReadonlySet<string> = new Set([
  'SUREHOP_UNROUTABLE',
  'SUREHOP_REFUSED',
  'SUREHOP_MESSAGE_TOO_LARGE',
  'SUREHOP_HEADERS_TOO_LARGE',
  'SUREHOP_PROPERTIES_INVALID',
  'SUREHOP_EXCHANGE_NOT_FOUND',
  'SUREHOP_ACCESS_REFUSED',
  'SUREHOP_TOPOLOGY_MISMATCH',
  'SUREHOP_OPTION_INVALID',
]);

export interface VerdictOptions {
  readonly maxAttempts: number;
  readonly retryDelayMs: number;
  readonly retryMaxDelayMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Pure, given its randomness: what becomes of a message that was not confirmed. @param attempts that failed before */
export function verdictOn(thrown: unknown, attempts: number, options: VerdictOptions): OutboxResult {
  const code = isSurehopError(thrown) ? thrown.code : undefined;
  if (code === undefined || !refusals.has(code)) return { status: 'waiting' };
  const error = { code, message: asError(thrown).message };
  if (attempts + 1 >= options.maxAttempts) return { status: 'set aside', error };
  return { status: 'failed', error, delayMs: delayMs(attempts + 1, options) };
}

/** Half of it is sure: a delay near 0 would use up an attempt for nothing. */
function delayMs(attempt: number, { retryDelayMs, retryMaxDelayMs, random }: VerdictOptions): number {
  const ceiling = fullJitter({ baseMs: retryDelayMs, maxMs: retryMaxDelayMs, random: () => 1 })(attempt);
  return Math.ceil(ceiling / 2 + (random() * ceiling) / 2);
}
