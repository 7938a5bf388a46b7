import type { HeaderTable } from '@surehop/core';
import type { StreamStart } from './reader-options.ts';

/** Where a subscription begins, and what is known of that place. */
export type Begin =
  | { readonly at: 'first' | 'last' | 'next' }
  | { readonly at: 'date'; readonly date: Date }
  /** There may be no message at it: the broker uses up offsets for itself too. */
  | { readonly at: 'offset'; readonly offset: number }
  /** Behind a message that was there. */
  | { readonly at: 'after'; readonly offset: number };

/** @param next the offset in the store, which is to be read next; undefined for a reader that is new to it */
export function beginOf(from: StreamStart, next: number | undefined): Begin {
  if (next !== undefined) return next === 0 ? { at: 'offset', offset: 0 } : { at: 'after', offset: next - 1 };
  if (typeof from === 'number') return { at: 'offset', offset: from };
  return from instanceof Date ? { at: 'date', date: from } : { at: from };
}

/**
 * The consumer's arguments. A subscription behind a message begins at that message: a broker takes any offset, waits in
 * silence for one that does not exist and drops what comes below it. What it hands out first is the proof.
 */
export function consumerArguments(begin: Begin): HeaderTable {
  return { 'x-stream-offset': placeOf(begin) };
}

function placeOf(begin: Begin): unknown {
  switch (begin.at) {
    case 'date':
      return { '!': 'timestamp', value: Math.max(0, Math.floor(begin.date.getTime() / 1_000)) };
    case 'offset':
    case 'after':
      return begin.offset;
    case 'first':
    case 'last':
    case 'next':
      return begin.at;
  }
}

/**
 * Pure: what the first delivery says. `skip`: it lies before. `proof`: it is the message behind which to begin. `gone`:
 * something that was to be read is not there.
 */
export function firstDelivery(begin: Begin, offset: number): 'take' | 'skip' | 'proof' | 'gone' {
  if (begin.at === 'offset') return offset < begin.offset ? 'skip' : 'take';
  if (begin.at !== 'after') return 'take';
  if (offset === begin.offset) return 'proof';
  if (offset < begin.offset) return 'skip';
  return offset === begin.offset + 1 ? 'take' : 'gone';
}

/** The offset that the broker writes on each delivery; undefined where it is no stream that delivers. */
export function offsetOf({ 'x-stream-offset': offset }: HeaderTable): number | undefined {
  return Number.isSafeInteger(offset) ? (offset as number) : undefined;
}
