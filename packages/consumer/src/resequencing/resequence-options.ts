import type { PositionStore, ReceivedMessage, SequencePoint } from '@surehop/core';
import { functionOption, integer, invalid, kindOf, knownKeys, nonEmptyString, oneOf } from '@surehop/core/internal';

/** A message before its body is decoded. */
export type ArrivedMessage = Pick<
  ReceivedMessage<unknown>,
  'content' | 'properties' | 'headers' | 'redelivered' | 'exchange' | 'routingKey'
>;

/** Numbers that did not come, both ends included. */
export interface SequenceGap {
  readonly queue: string;
  readonly key: string;
  readonly run: string;
  readonly from: number;
  readonly to: number;
  /** `time`: they did not come within `maxGapMs`. `room`: `maxBuffered` messages waited behind gaps. */
  readonly reason: 'time' | 'room';
}

/** `skip` goes on behind the gap. `halt` pauses the consumer, until somebody calls its `resume()`. */
export type GapDecision = 'skip' | 'halt';

export interface ResequenceOptions {
  /**
   * The place of a message in its sequence. A message for which it throws, or gives no key or number, is a dead letter.
   * @default what the publisher's `sequence` has written into the headers
   */
  readonly by?: (message: ArrivedMessage) => SequencePoint;
  /**
   * How long messages are held for the ones missing before them, in milliseconds, 1 to 2^31 - 1. Longer than a dead
   * connection may take to be noticed, 31 s by default: what it holds is not missing.
   * @default 60_000
   */
  readonly maxGapMs?: number;
  /**
   * Messages held for missing ones, of all sequences together, 2 to 65,535. When there are so many, the gap that
   * is open the longest is not waited for any longer. At most `prefetch`.
   * @default 100
   */
  readonly maxBuffered?: number;
  /**
   * What becomes of a gap that has not closed in time: one answer for all, or a function that is told of each. Where it
   * throws, it is `halt`.
   * @default 'skip'
   */
  readonly onGap?: GapDecision | ((gap: SequenceGap) => GapDecision);
  /**
   * Keeps how far each sequence has come, so that the next process goes on there, and several may consume one queue.
   * @default none: a consumer that starts begins with the lowest number that comes within `maxGapMs`
   */
  readonly store?: PositionStore;
  /**
   * What positions in the store are kept under, beside the sequence's own name.
   * @default the queue's name
   */
  readonly name?: string;
}

export type ResolvedResequenceOptions = Readonly<
  Required<Omit<ResequenceOptions, 'by' | 'store' | 'name'>> & Pick<ResequenceOptions, 'by' | 'store' | 'name'>
>;

const defaults = { maxGapMs: 60_000, maxBuffered: 100, onGap: 'skip' } as const;
const known: readonly string[] = ['by', 'store', 'name', ...Object.keys(defaults)];

/** The only place where defaults are applied and options are checked. */
export function resolveResequenceOptions(given: ResequenceOptions): ResolvedResequenceOptions {
  knownKeys('resequence', given, known);
  const resolved = {
    ...given,
    maxGapMs: given.maxGapMs ?? defaults.maxGapMs,
    maxBuffered: given.maxBuffered ?? defaults.maxBuffered,
    onGap: given.onGap ?? defaults.onGap,
  };
  const { by, store, name, onGap } = resolved;
  integer('resequence.maxGapMs', resolved.maxGapMs, 1, 2 ** 31 - 1);
  integer('resequence.maxBuffered', resolved.maxBuffered, 2, 65_535);
  if (by !== undefined) functionOption('resequence.by', by);
  if (typeof onGap !== 'function') oneOf('resequence.onGap', onGap, ['skip', 'halt']);
  if (store !== undefined) checkStore(store);
  if (name !== undefined) nonEmptyString('resequence.name', name);
  return Object.freeze(resolved);
}

function checkStore(store: Partial<PositionStore> | null): void {
  if (typeof store?.load === 'function' && typeof store.save === 'function') return;
  invalid(`resequence.store must be a PositionStore, got ${kindOf(store)}`);
}
