import {
  type CloseOptions,
  type PositionStore,
  type Rabbit,
  type ReaderHealth,
  type StreamContract,
  type StreamHandler,
  SurehopError,
} from '@surehop/core';
import {
  asError,
  errorFields,
  fullJitter,
  functionOption,
  integer,
  internalsOf,
  invalid,
  kindOf,
  knownKeys,
  type RabbitInternals,
  settled,
  sleep,
  streamTopology,
} from '@surehop/core/internal';
import { Copies } from '../copies.ts';
import { beginOf } from './begin.ts';
import { Feed, type FeedOptions } from './feed.ts';
import { PositionKeeper } from './position-keeper.ts';
import { type ResolvedReaderOptions, resolveReaderOptions, type StreamReaderOptions } from './reader-options.ts';
import { StreamFailures } from './stream-failures.ts';
import type { Entry } from './stream-subscription.ts';
import { StreamWork } from './stream-work.ts';

/** Reads a stream, message by message, in its order. Made by {@link createStreamReader}. */
export interface StreamReader extends AsyncDisposable {
  readonly stream: string;
  readonly name: string;
  /** What is known now, from memory. */
  health(): ReaderHealth;
  /**
   * Reads no further, waits for the running handler, saves the position. After the time limit the handler's signal is
   * aborted; its message is handled again by whoever goes on from the saved position. Safe to call twice: the second
   * caller gets the first caller's promise.
   *
   * @param options.timeoutMs how long to wait for the handler, in milliseconds. Default `drainTimeoutMs`
   * @throws {SurehopError} SUREHOP_OPTION_INVALID for a wrong `timeoutMs` or an unknown option, and nothing else; nothing is closed then
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Reads a stream from the position in the store, or from `from`: declares what its contract describes, and calls the
 * handler for one message after the other. Resolves once the broker hands out messages and it is certain that none is
 * missing where it begins. From then on the reader comes back from whatever ends its subscription.
 *
 * A handler that returns lets the reader go on. One that throws is called again after the next delay of the contract, and
 * everything behind waits; after the last the message is copied to `<stream>.dead-letter`, and the reader goes on.
 *
 * @throws {StreamOffsetGoneError} what it was to begin with is not there, see `whenGone`
 * @throws {SurehopError} SUREHOP_OPTION_INVALID; at once SUREHOP_TOPOLOGY_MISMATCH, SUREHOP_ACCESS_REFUSED and
 *   SUREHOP_CLOSED; after `startTimeoutMs` SUREHOP_CONNECT_TIMEOUT, and SUREHOP_STORE_UNAVAILABLE when it was the store that
 *   did not answer. Nothing is left behind then
 */
export async function createStreamReader<In, Out>(
  rabbit: Rabbit,
  stream: StreamContract<In, Out>,
  handler: StreamHandler<Out>,
  options: StreamReaderOptions = {},
): Promise<StreamReader> {
  const contract: Partial<StreamContract> | null | undefined = stream as StreamContract;
  if (contract?.kind !== 'stream') invalid(`the stream must be what defineStream returned, got ${kindOf(stream)}`);
  functionOption('the handler', handler);
  const resolved = resolveReaderOptions(options);
  const internals = internalsOf(rabbit);
  if (internals.isClosing) throw closedError();
  const reader = new RabbitStreamReader(internals, stream as StreamContract, handler, resolved);
  await reader.start();
  return reader;
}

/** How long `close()` waits for the store, and for the end of its channels, in milliseconds. */
const farewellMs = 2_000;

class RabbitStreamReader implements StreamReader {
  readonly stream: string;
  readonly name: string;
  readonly #internals: RabbitInternals;
  readonly #contract: StreamContract;
  readonly #options: ResolvedReaderOptions;
  readonly #copies: Copies;
  readonly #work: StreamWork;
  readonly #keeper: PositionKeeper;
  /** Takes nothing more. */
  readonly #stop = new AbortController();
  /** Waits for nothing more. */
  readonly #giveUp = new AbortController();
  #feed: Feed | undefined;
  #inHand: Entry | undefined;
  #going: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    internals: RabbitInternals,
    contract: StreamContract,
    handler: StreamHandler<never>,
    options: ResolvedReaderOptions,
  ) {
    const { name: stream, codec, schema, retry } = contract;
    const { effects, log } = internals;
    this.stream = stream;
    this.name = options.name;
    this.#internals = internals;
    this.#contract = contract;
    this.#options = options;
    this.#copies = new Copies(internals, stream, streamTopology(contract));
    const failures = new StreamFailures({ internals, stream, reader: options.name, copies: this.#copies });
    const body = { codec, schema };
    this.#work = new StreamWork({ ...options, internals, stream, body, retry, handler, failures });
    this.#keeper = new PositionKeeper({
      ...options,
      key: positionKey(stream, options.name),
      answerMs: internals.options.rpcTimeoutMs,
      clock: effects.clock,
      random: () => effects.random(),
      log,
    });
  }

  async start(): Promise<void> {
    const { effects, readers, consumeLink } = this.#internals;
    const { startTimeoutMs } = this.#options;
    readers.add(this);
    const deadline = effects.clock.deadline(startTimeoutMs);
    try {
      await this.#open(await this.#load(deadline), deadline);
    } catch (thrown) {
      if (this.#closing !== undefined) await this.#closedMeanwhile();
      const { state } = consumeLink;
      const { isSaved, failure } = this.#keeper; // it begins only where the store has been told that it does
      const cause = this.#feed?.lastFailure ?? (state.phase === 'waiting' ? state.cause : undefined);
      await this.close({ timeoutMs: 0 });
      const isLate = deadline.aborted && thrown === deadline.reason;
      if (isLate && !isSaved) throw storeUnavailable(this.stream, startTimeoutMs, failure ?? thrown);
      throw isLate ? startTimeout(this.stream, startTimeoutMs, cause) : thrown;
    }
    if (this.#closing !== undefined) await this.#closedMeanwhile();
  }

  health(): ReaderHealth {
    const { position, saved: savedPosition, isFailing: isStoreFailing } = this.#keeper;
    const { attempt, stuckHandlers } = this.#work;
    return {
      stream: this.stream,
      name: this.name,
      phase: this.#phase,
      fault: this.#feed?.fault?.code,
      position,
      savedPosition,
      received: this.#feed?.received,
      behindMs: this.#behindMs,
      attempt,
      stuckHandlers,
      unstoredCopies: this.#copies.unstored,
      isStoreFailing,
    };
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    try {
      knownKeys('close()', options, ['timeoutMs']);
      const { timeoutMs = this.#options.drainTimeoutMs } = options;
      integer('timeoutMs', timeoutMs, 0);
      this.#closing = this.#close(timeoutMs);
    } catch (error) {
      return Promise.reject(error); // nothing was closed
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #closedMeanwhile(): Promise<never> {
    await this.#closing;
    throw closedError();
  }

  /** @param next what the store has */
  async #open(next: number | undefined, deadline: AbortSignal): Promise<void> {
    this.#stop.signal.throwIfAborted();
    if (next !== undefined) this.#keeper.loaded(next);
    const { prefetch, whenGone, name, from } = this.#options;
    const topology = streamTopology(this.#contract);
    const keep: FeedOptions['keep'] = (place, signal) => this.#keeper.keep(place, signal);
    const begin = beginOf(from, next);
    this.#feed = new Feed(
      { internals: this.#internals, contract: this.#contract, topology, prefetch, whenGone, name, keep },
      begin,
    );
    this.#feed.start();
    this.#going = this.#go(this.#feed);
    await this.#feed.whenReading(AbortSignal.any([deadline, this.#stop.signal]));
  }

  /** A store that is down may come back in time. */
  async #load(deadline: AbortSignal): Promise<number | undefined> {
    const { store, startTimeoutMs } = this.#options;
    if (store === undefined) return undefined;
    const { effects, log } = this.#internals;
    const backoff = fullJitter({ baseMs: 200, maxMs: 2_000, random: () => effects.random() });
    const key = positionKey(this.stream, this.name);
    const over = AbortSignal.any([deadline, this.#stop.signal]);
    for (let attempt = 1; ; attempt += 1) {
      let position: number | undefined;
      try {
        position = await settled(loaded(store, key), over);
      } catch (thrown) {
        if (this.#stop.signal.aborted) return undefined;
        if (deadline.aborted) throw storeUnavailable(this.stream, startTimeoutMs, thrown);
        log.warn({ key, ...errorFields(thrown) }, 'the position of a reader could not be loaded; trying again');
        await sleep(effects.clock, backoff(attempt), over).catch(() => undefined);
        continue;
      }
      if (position !== undefined) integer(`the position of ${key} in the store`, position, 0);
      return position;
    }
  }

  /** One message after the other, until it is to stop. */
  async #go(feed: Feed): Promise<void> {
    const stop = this.#stop.signal;
    while (!stop.aborted) {
      const entry = feed.take();
      if (entry === undefined) {
        await feed.untilMore(stop).catch(() => undefined);
        continue;
      }
      this.#inHand = entry;
      const isDone = await this.#work.handle(entry, stop, this.#giveUp.signal);
      this.#inHand = undefined;
      // What was given up is handled again: nothing behind it may be done before.
      if (!isDone) return;
      this.#keeper.reached(entry.offset);
      entry.done();
    }
  }

  async #close(timeoutMs: number): Promise<void> {
    const { effects, readers } = this.#internals;
    this.#stop.abort();
    const drained = effects.clock.deadline(timeoutMs);
    await settled(this.#going, drained).catch(() => undefined);
    this.#work.abandon(closeTimeout(timeoutMs));
    this.#giveUp.abort();
    await this.#going;
    this.#work.unwatch();
    const farewell = effects.clock.deadline(farewellMs);
    await this.#flush(farewell);
    const closed = Promise.all([this.#feed?.close(), this.#copies.close(farewell)]);
    await settled(closed, farewell).catch(() => undefined);
    this.#isClosed = true;
    readers.delete(this);
  }

  async #flush(farewell: AbortSignal): Promise<void> {
    try {
      await this.#keeper.flush(farewell);
    } catch {
      const { position, saved } = this.#keeper;
      const fields = { stream: this.stream, reader: this.name, position, saved };
      const text = 'the position was not saved at the end: what lies behind the saved one is handled again';
      this.#internals.log.warn(fields, text);
    }
    this.#keeper.close();
  }

  get #phase(): ReaderHealth['phase'] {
    if (this.#isClosed) return 'closed';
    if (this.#closing !== undefined) return 'closing';
    return this.#feed?.isReading === true ? 'reading' : 'subscribing';
  }

  get #behindMs(): number | undefined {
    if (this.#inHand === undefined) return 0;
    const { timestamp } = this.#inHand.message.properties;
    if (typeof timestamp !== 'number') return undefined;
    return Math.max(0, this.#internals.effects.clock.epochMs() - timestamp * 1_000);
  }
}

/** A name has no slash, so that no two readers can mean one position. */
function positionKey(stream: string, name: string): string {
  return `${stream}/${name}`;
}

/** Async, so that what a store throws at once is a rejection too. */
async function loaded(store: PositionStore, key: string): Promise<number | undefined> {
  return store.load(key);
}

function closedError(): SurehopError {
  return new SurehopError('SUREHOP_CLOSED', 'the connection was closed by close(); nothing is read any more', {
    retryable: false,
  });
}

function closeTimeout(timeoutMs: number): SurehopError {
  const text = `the reader is closing and the handler did not return within ${timeoutMs} ms; its message is handled again`;
  return new SurehopError('SUREHOP_CLOSE_TIMEOUT', text, { retryable: true });
}

function startTimeout(stream: string, timeoutMs: number, cause: Error | undefined): SurehopError {
  const why = cause === undefined ? '' : `: ${cause.message}`;
  const text = `stream "${stream}" could not be read within ${timeoutMs} ms${why}`;
  return new SurehopError('SUREHOP_CONNECT_TIMEOUT', text, { retryable: true, cause });
}

function storeUnavailable(stream: string, timeoutMs: number, thrown: unknown): SurehopError {
  const cause = asError(thrown);
  const text = `the position in stream "${stream}" could not be loaded or saved within ${timeoutMs} ms: ${cause.message}`;
  return new SurehopError('SUREHOP_STORE_UNAVAILABLE', text, { retryable: true, cause });
}
