import { boolean, integer, invalid, kindOf, knownKeys } from '@surehop/core/internal';
import { checkResume, type Resume } from './act-options.ts';
import type { Desk } from './desk.ts';
import { mostHeld } from './holding.ts';
import type { LookingOptions } from './looking.ts';
import type { OnProgress } from './progress.ts';
import { beganAt } from './run.ts';
import { type Matcher, matcherOf, type Selection } from './selection.ts';

export interface BrowseOptions {
  /** @default 'all' */
  readonly selection?: Selection;
  /**
   * How many messages are looked at, from the head, 1 to 50,000; those that are selected are kept in memory. With `all`,
   * how many are kept: everything is looked at.
   * @default 50_000
   */
  readonly limit?: number;
  /**
   * Goes through the whole queue, however long it is: each message is copied to the tail of the queue and acknowledged, in
   * order, and the audit log gets two lines. Without it at most 50,000 messages are looked at, and nothing moves.
   * @default false
   */
  readonly all?: boolean;
  /** An earlier run with `all` that did not come to its end: the rest of the queue is gone through, and nothing else seen. */
  readonly resume?: Resume;
  /** Stops it, and the call rejects with the signal's reason. All messages are given back; with `all` some have moved. */
  readonly signal?: AbortSignal;
  /** Told at the beginning, at most every 100 ms, and at the end. */
  readonly onProgress?: OnProgress;
}

export interface ResolvedBrowsing extends LookingOptions {
  readonly matches: Matcher;
  readonly selection: Selection;
  readonly all: boolean;
  readonly resume: Resume | undefined;
}

const never = new AbortController().signal;

/** @throws {SurehopError} SUREHOP_OPTION_INVALID, SUREHOP_FILTER_INVALID */
export function resolveBrowsing(what: string, { internals }: Desk, options: BrowseOptions): ResolvedBrowsing {
  knownKeys(what, options, ['selection', 'limit', 'all', 'resume', 'signal', 'onProgress']);
  const { selection = 'all', limit = mostHeld, all = false, resume, signal = never, onProgress } = options;
  integer('limit', limit, 1, mostHeld);
  boolean('all', all);
  if (resume !== undefined) checkResume(resume);
  if (resume !== undefined && !all) invalid(`resume is for a ${what} with all: true; without it, just begin again`);
  if (!(signal instanceof AbortSignal)) invalid(`signal must be an AbortSignal, got ${kindOf(signal)}`);
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    invalid(`onProgress must be a function, got ${kindOf(onProgress)}`);
  }
  const matches = matcherOf(selection, beganAt(internals, options));
  return { matches, selection, limit, all, resume, signal, onProgress };
}
