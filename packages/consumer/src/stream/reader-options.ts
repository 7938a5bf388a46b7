import type { PositionStore } from '@surehop/core';
import { functionOption, integer, invalid, kindOf, knownKeys, oneOf } from '@surehop/core/internal';

/**
 * Where a reader begins: `first` is the oldest message there is; `last` the newest part of the stream, some messages that
 * were stored together; `next` what is published from now on; a number that offset, which must exist or be the next one;
 * a `Date` what was stored since then, and perhaps some messages before it.
 */
export type StreamStart = 'first' | 'last' | 'next' | number | Date;

export interface StreamReaderOptions {
  /**
   * Where to begin when the store has no position of this reader. Without a store that is at each start.
   * @default 'first'
   */
  readonly from?: StreamStart;
  /**
   * Tells readers of one stream apart in the store: each goes its own way. Letters, digits, `.`, `-` and `_`, at most 100.
   * @default 'reader'
   */
  readonly name?: string;
  /**
   * Keeps the position over restarts, under `<stream>/<name>`.
   * @default none: a new reader begins at `from`
   */
  readonly store?: PositionStore;
  /**
   * What to do when the limits of the stream have removed what the reader was to read next: `fail` reads nothing and says
   * so, with the first offset that exists; the others begin there, and the log says what was skipped.
   * @default 'fail'
   */
  readonly whenGone?: 'fail' | 'first' | 'last' | 'next';
  /**
   * Messages after which the position is saved, 1 to 1_000_000. So many are handled again at the most after a crash, if no
   * more are handled within `saveAfterMs`.
   * @default 100
   */
  readonly saveEvery?: number;
  /**
   * How long a position waits for others before it is saved, in milliseconds, 0 to 2^31 - 1.
   * @default 1_000
   */
  readonly saveAfterMs?: number;
  /**
   * Messages that the broker sends ahead, 1 to 65_535. Brokers before 4.0 send whole chunks, so that it may be more.
   * @default 100
   */
  readonly prefetch?: number;
  /**
   * Longest time for one attempt, decoding included, in milliseconds, 1 to 2^31 - 1. Then its signal is aborted and it
   * counts as failed.
   * @default 60_000
   */
  readonly handlerTimeoutMs?: number;
  /**
   * After its signal was aborted at the limit, how long a handler may still take to return, in milliseconds. One that has
   * not returned then may run beside the next attempt.
   * @default 5_000
   */
  readonly handlerGraceMs?: number;
  /**
   * How long `close()` waits for the running handler before it aborts its signal, in milliseconds.
   * @default 10_000
   */
  readonly drainTimeoutMs?: number;
  /**
   * How long `createStreamReader` goes on trying what may pass (a connection or a store that is down), in milliseconds.
   * @default 30_000
   */
  readonly startTimeoutMs?: number;
}

export type ResolvedReaderOptions = Readonly<Required<Omit<StreamReaderOptions, 'store'>>> & {
  readonly store: PositionStore | undefined;
};

/** The longest that a timer can hold. */
const longestMs = 2 ** 31 - 1;

const defaults = {
  from: 'first',
  name: 'reader',
  store: undefined,
  whenGone: 'fail',
  saveEvery: 100,
  saveAfterMs: 1_000,
  prefetch: 100,
  handlerTimeoutMs: 60_000,
  handlerGraceMs: 5_000,
  drainTimeoutMs: 10_000,
  startTimeoutMs: 30_000,
} as const satisfies Record<keyof StreamReaderOptions, unknown>;

/**
 * The only place where defaults are applied and options are checked.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID
 */
export function resolveReaderOptions(given: StreamReaderOptions): ResolvedReaderOptions {
  knownKeys('createStreamReader', given, Object.keys(defaults));
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const resolved: ResolvedReaderOptions = { ...defaults, ...(set as StreamReaderOptions) };
  checkStart(resolved.from);
  checkName(resolved.name);
  if (resolved.store !== undefined) checkStore(resolved.store);
  oneOf('whenGone', resolved.whenGone, ['fail', 'first', 'last', 'next']);
  integer('saveEvery', resolved.saveEvery, 1, 1_000_000);
  integer('saveAfterMs', resolved.saveAfterMs, 0, longestMs);
  integer('prefetch', resolved.prefetch, 1, 65_535);
  integer('handlerTimeoutMs', resolved.handlerTimeoutMs, 1, longestMs);
  integer('handlerGraceMs', resolved.handlerGraceMs, 0, longestMs);
  integer('drainTimeoutMs', resolved.drainTimeoutMs, 0, longestMs);
  integer('startTimeoutMs', resolved.startTimeoutMs, 1, longestMs);
  return Object.freeze(resolved);
}

function checkStart(from: unknown): void {
  if (typeof from === 'number') {
    integer('from, as an offset,', from, 0);
    return;
  }
  if (from === 'first' || from === 'last' || from === 'next') return;
  if (!(from instanceof Date))
    invalid(`from must be 'first', 'last', 'next', an offset or a Date, got ${kindOf(from)}`);
  if (Number.isNaN(from.getTime())) invalid('from is a Date that is no moment: it was made of something that is none');
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && /^[\w.-]{1,100}$/.test(name)) return;
  invalid('name must be 1 to 100 letters, digits, ".", "-" or "_"');
}

function checkStore(store: unknown): void {
  if (typeof store !== 'object' || store === null) invalid(`store must be a PositionStore, got ${kindOf(store)}`);
  const { load, save } = store as Partial<PositionStore>;
  functionOption('load of the store', load);
  functionOption('save of the store', save);
}
