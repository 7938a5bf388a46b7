import { type StreamContract, StreamOffsetGoneError, type SurehopError } from '@surehop/core';
import {
  asError,
  type Backoff,
  DriverError,
  errorFields,
  fullJitter,
  type LinkSession,
  type RabbitInternals,
  sessionLoop,
  type Topology,
} from '@surehop/core/internal';
import { Backlog } from '../backlog.ts';
import { Condition } from '../condition.ts';
import { untilStanding } from '../standing.ts';
import { subscribingFault } from '../subscribing-fault.ts';
import { type Begin, beginOf } from './begin.ts';
import type { ResolvedReaderOptions } from './reader-options.ts';
import { newestOffsets } from './stream-ends.ts';
import { type Entry, StreamSubscription } from './stream-subscription.ts';

export interface FeedOptions extends Pick<ResolvedReaderOptions, 'prefetch' | 'whenGone' | 'name'> {
  readonly internals: RabbitInternals;
  readonly contract: StreamContract;
  readonly topology: Topology;
  /** The place where it begins was found out. Resolves when that is kept; rejects with the signal's reason. */
  readonly keep: (next: number, signal: AbortSignal) => Promise<void>;
}

/** Never at once: a stream that is just being deleted answers with an error for the whole connection. */
const leastDelayMs = 50;

/**
 * The messages of a stream, one after the other, through whatever ends a subscription. What a lost one had delivered and
 * nobody has taken is forgotten: the next one begins behind what was taken last.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #condition = new Condition();
  readonly #stop = new AbortController();
  readonly #waiting = new Backlog<Entry>();
  #begin: Begin;
  /** The offset to begin with, until it is kept: nothing is read before. */
  #unkept: number | undefined;
  #received: number | undefined;
  #isReading = false;
  #hasRead = false;
  /** Something spoke against the topology: it is asserted again before the next subscription. */
  #isDoubted = false;
  /** It is another type of queue, whose messages must not be taken again and again: each time would count. */
  #isNoStream = false;
  #fault: SurehopError | undefined;
  #lastFailure: Error | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: FeedOptions, begin: Begin) {
    this.#options = options;
    this.#begin = begin;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  /** What keeps it from reading and waiting will not mend. */
  get fault(): SurehopError | undefined {
    return this.#fault;
  }

  get lastFailure(): Error | undefined {
    return this.#lastFailure;
  }

  /** The last offset that the broker has delivered. */
  get received(): number | undefined {
    return this.#received;
  }

  start(): void {
    const { internals, contract } = this.#options;
    this.#running = sessionLoop({
      link: internals.consumeLink,
      clock: internals.effects.clock,
      backoff: this.#backoff(),
      stop: this.#stop.signal,
      serve: (session) => this.#serve(session),
      onFailure: (thrown) => this.#onFailure(asError(thrown)),
    }).catch((bug: unknown) => {
      if (!this.#isNoStream) internals.log.error({ stream: contract.name, ...errorFields(bug) }, 'the reader ended');
    });
  }

  /** Resolves with the first subscription; rejects with what waiting will not mend, or the signal's reason. */
  async whenReading(signal: AbortSignal): Promise<void> {
    await this.#condition.until(() => this.#isReading || this.#fault !== undefined, signal);
    if (!this.#isReading && this.#fault !== undefined) throw this.#fault;
  }

  /** The next message; undefined while none is there. */
  take(): Entry | undefined {
    const entry = this.#waiting.oldest;
    if (entry === undefined) return undefined;
    this.#waiting.delete(entry);
    this.#begin = { at: 'after', offset: entry.offset };
    return entry;
  }

  /** Resolves when there is a message to take; rejects with the signal's reason. */
  untilMore(signal: AbortSignal): Promise<void> {
    return this.#condition.until(() => this.#waiting.size > 0, signal);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** One generation of the link: one subscription, until it or its channel is lost. */
  async #serve(session: LinkSession): Promise<void> {
    const { internals, topology } = this.#options;
    const over = AbortSignal.any([this.#stop.signal, session.lost]);
    const asserting = internals.topology.ensure(topology, over, this.#isDoubted);
    await untilStanding(asserting, this.#hasRead && !this.#isDoubted, internals.effects.clock, over);
    this.#isDoubted = false;
    await this.#pin(session, over);
    const subscription = this.#newSubscription();
    const deadline = (): AbortSignal => internals.effects.clock.deadline(internals.options.rpcTimeoutMs);
    const stop = (): void => void subscription.close(deadline()).catch(() => undefined);
    this.#stop.signal.addEventListener('abort', stop, { once: true });
    try {
      await subscription.open(session);
      this.#opened(session);
      const cause = await subscription.ended();
      if (!this.#stop.signal.aborted) throw cause;
    } catch (thrown) {
      this.#isNoStream = subscription.isNoStream;
      if (thrown instanceof StreamOffsetGoneError) return this.#onGone(thrown);
      if (thrown instanceof DriverError && thrown.scope === 'channel' && !thrown.isUnanswered) this.#isDoubted = true;
      throw thrown;
    } finally {
      this.#stop.signal.removeEventListener('abort', stop);
      this.#waiting.clear();
      this.#isReading = false;
      await subscription.close(deadline());
    }
  }

  /**
   * `next` and `last` are another place each time they are asked for: found out once and kept, so that nothing which
   * comes while there is no subscription, or no process, is missed.
   */
  async #pin(session: LinkSession, over: AbortSignal): Promise<void> {
    const { at } = this.#begin;
    const { internals, contract, keep } = this.#options;
    if (at === 'next' || at === 'last') {
      const offsets = await newestOffsets(internals, contract.name, session);
      const [oldest, end] = offsets.length === 0 ? [0, 0] : [Math.min(...offsets), Math.max(...offsets) + 1];
      this.#unkept = at === 'last' ? oldest : end;
      this.#begin = beginOf(at, this.#unkept);
    }
    if (this.#unkept !== undefined) await keep(this.#unkept, over);
    this.#unkept = undefined;
  }

  #newSubscription(): StreamSubscription {
    const { internals, contract, prefetch } = this.#options;
    const { effects, options } = internals;
    return new StreamSubscription({
      internals,
      stream: contract.name,
      begin: this.#begin,
      tag: `${options.name.replaceAll(/[^\w.-]/g, '_').slice(0, 100)}-${effects.newId()}`,
      prefetch,
      onEntry: (entry) => {
        this.#received = entry.offset;
        this.#waiting.add(entry);
        this.#condition.changed();
      },
    });
  }

  #opened(session: LinkSession): void {
    const { contract, name, internals } = this.#options;
    const fields = { stream: contract.name, reader: name, host: session.host, generation: session.generation };
    if (this.#lastFailure !== undefined) internals.log.warn(fields, 'reading again');
    this.#fault = undefined;
    this.#lastFailure = undefined;
    this.#hasRead = true;
    this.#isReading = true;
    this.#condition.changed();
  }

  /** @throws {StreamOffsetGoneError} where it must not begin elsewhere by itself */
  #onGone(gone: StreamOffsetGoneError): void {
    const { whenGone, internals, contract, name } = this.#options;
    const { wantedOffset, firstOffset } = gone;
    // Another stream of the same name: offsets of this one mean nothing in it, and the store would never take lower ones.
    const isRemoved = firstOffset !== undefined && firstOffset > wantedOffset;
    if (whenGone === 'fail' || !isRemoved) throw gone;
    const fields = { stream: contract.name, reader: name, wantedOffset, firstOffset, from: whenGone };
    internals.log.error(fields, 'messages that were to be read are gone: the reader begins elsewhere, as it was told');
    this.#begin = { at: whenGone };
  }

  #onFailure(error: Error): void {
    const { contract, name, internals } = this.#options;
    this.#lastFailure = error;
    this.#fault = subscribingFault(error, { queue: contract.name, isForeign: false, mode: internals.options.topology });
    const fields = { stream: contract.name, reader: name, ...errorFields(error) };
    if (this.#fault === undefined) internals.log.warn(fields, 'the reader lost its subscription; subscribing anew');
    else if (this.#isNoStream) internals.log.error(fields, 'the reader cannot read: this is no stream');
    else internals.log.error(fields, 'the reader cannot read; trying again slowly');
    this.#condition.changed();
    if (this.#isNoStream) throw error;
  }

  #backoff(): Backoff {
    const { random } = this.#options.internals.effects;
    const quick = fullJitter({ baseMs: 200, maxMs: 2_000, random });
    const slow = fullJitter({ baseMs: 2_000, maxMs: 10_000, random });
    return (attempt) => leastDelayMs + (this.#fault === undefined ? quick(attempt) : slow(attempt));
  }
}
