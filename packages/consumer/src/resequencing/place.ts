import { createHash } from 'node:crypto';
import { type SequencePoint, SurehopError } from '@surehop/core';
import { headerNames, type IncomingMessage, kindOf, readStamp } from '@surehop/core/internal';
import type { ResequenceOptions } from './resequence-options.ts';

/**
 * Where a message belongs. Undefined for one that was a dead letter: its place was given to others, and whoever sends it
 * again wants it handled.
 *
 * @throws {SurehopError} SUREHOP_SEQUENCE_MISSING
 */
export function placeOf(message: IncomingMessage, by: ResequenceOptions['by']): Required<SequencePoint> | undefined {
  const { headers } = message;
  if (headers[headerNames.reason] !== undefined || headers[replayedCount] !== undefined) return undefined;
  if (by !== undefined) return pointOf(given(by, message));
  const stamp = readStamp(headers);
  if (stamp === undefined) throw missing('the message has no number: its publisher has set no "sequence"');
  return stamp;
}

/** What tells a message from another of the same number. */
export function identityOf({ properties, content }: IncomingMessage): string {
  return properties.messageId || createHash('sha256').update(content).digest('base64');
}

/** Set by whoever replays dead letters. */
const replayedCount = 'surehop-replayed-count';

function given(by: NonNullable<ResequenceOptions['by']>, message: IncomingMessage): unknown {
  try {
    return by(message);
  } catch (cause) {
    throw missing('resequence.by threw', cause);
  }
}

function pointOf(value: unknown): Required<SequencePoint> {
  if (typeof value !== 'object' || value === null) throw missing(`resequence.by gave ${kindOf(value)}`);
  const { key, number, run = '' } = value as Partial<SequencePoint>;
  if (typeof key !== 'string' || typeof run !== 'string') throw missing('resequence.by gave a key that is no string');
  if (!Number.isSafeInteger(number) || (number as number) < 1) {
    throw missing('resequence.by gave a number that is no integer of at least 1');
  }
  return { key, number: number as number, run };
}

function missing(why: string, cause?: unknown): SurehopError {
  const text = `the message has no place in a sequence: ${why}`;
  return new SurehopError('SUREHOP_SEQUENCE_MISSING', text, { retryable: false, cause });
}
