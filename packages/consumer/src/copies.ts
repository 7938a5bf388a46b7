import {
  Aborts,
  asError,
  ConfirmedChannel,
  Deadlines,
  errorFields,
  fullJitter,
  type Outcome,
  type OutgoingMessage,
  type RabbitInternals,
  type Sending,
  settled,
  sleep,
  type Topology,
  type WithDeadline,
} from '@surehop/core/internal';
import { Gathering } from './gathering.ts';

/** How sending a copy ended. */
export type CopyResult =
  /** The broker has it on disk, in its queue. */
  | { readonly status: 'stored' }
  /** The original's channel is gone: the broker delivers the original again. */
  | { readonly status: 'gone' }
  /** It cannot be encoded, or the broker closes the channel for it. */
  | { readonly status: 'impossible'; readonly error: Error };

/** What must stand beside the queue's own topology before a copy is sent. */
export interface Beside {
  readonly topology: Topology;
  /** Without it, or where it cannot be published to, the copy is impossible, and its sender knows another way. */
  readonly isOptional: boolean;
}

type Gone = { readonly status: 'gone' };

const stored = { status: 'stored' } as const;
const channelGone = { status: 'gone' } as const;

interface Lane {
  readonly exchange: string;
  readonly channel: ConfirmedChannel;
  sending: number;
}

type TryResult = Outcome | { readonly status: 'unanswered' };

/** One copy on its way. */
interface Try extends WithDeadline {
  lane: Lane;
  /** Aborts with the original's channel. */
  readonly signal: AbortSignal;
  readonly limitMs: number;
  deadlineAt: number;
  sending: Sending | undefined;
  /** Told once. */
  readonly onEnd: (result: TryResult | Gone, one: Try) => void;
}

/** One copy that needs a promise only when its first try is not stored. */
interface FirstTry extends Try {
  readonly copy: OutgoingMessage;
  readonly original: object;
  readonly onSent: (result: CopyResult, item: unknown) => void;
  readonly item: unknown;
}

/** How long to wait for a confirm before the copy is sent again, in milliseconds; doubles, since each try may make one more. */
const firstTryMs = 30_000;
const longestTryMs = 600_000;

/**
 * Not at once, in milliseconds. On 4.0.5 a delay queue that was made again at once has lost confirmed copies (25 and 74, in
 * two of some 50 runs). Presumably a broker that has not told our channel of the deletion yet takes what comes for the old
 * queue's, and confirms it with that one's end.
 */
const repairAfterMs = 300;

/** Publishes the copies of failed messages, on the publishing link, each until it is stored or its original's channel is gone. */
export class Copies {
  readonly #internals: RabbitInternals;
  readonly #queue: string;
  readonly #topology: Topology;
  /** By exchange: what is wrong with one ends only its own. */
  readonly #lanes = new Map<string, Lane>();
  readonly #retired = new Set<Lane>();
  /** Originals whose copy was tried and is not stored. */
  readonly #unstored = new Set<object>();
  readonly #deadlines: Deadlines<Try>;
  readonly #aborts: Aborts<Try>;
  /** First tries: while they come thick, many leave with one write, and the broker is woken once for them. */
  readonly #gathering: Gathering<FirstTry>;
  readonly #onOutcome = (outcome: Outcome, one: Try): void => {
    this.#finish(one, outcome);
  };
  readonly #onFirst = (result: TryResult | Gone, one: Try): void => {
    const { copy, signal, original, onSent, item } = one as FirstTry;
    if (result.status === 'confirmed') onSent(stored, item);
    else if (result.status === 'gone') onSent(channelGone, item);
    else void this.#send(copy, signal, undefined, original, result).then((sent) => onSent(sent, item));
  };
  #repairing: Promise<unknown> | undefined;

  /** @param mostGathered so many of what is sent simply leave at once; fewer may wait for each other, for 5 ms */
  constructor(internals: RabbitInternals, queue: string, topology: Topology, mostGathered = 0) {
    this.#internals = internals;
    this.#queue = queue;
    this.#topology = topology;
    this.#deadlines = new Deadlines(internals.effects.clock, (one) => this.#onLimit(one));
    this.#aborts = new Aborts((one) => this.#onGone(one));
    this.#gathering = new Gathering(internals.effects.clock, mostGathered, (first) => this.#startFirst(first));
  }

  /** Copies that were tried, are not stored and are tried again. */
  get unstored(): number {
    return this.#unstored.size;
  }

  /** For a copy that its sender tries again, after it was impossible. */
  noteUnstored(original: object): void {
    this.#unstored.add(original);
  }

  /** It is stored, or it is the broker's affair again. */
  forget(original: object): void {
    this.#unstored.delete(original);
  }

  /**
   * Resolves once the outcome is certain; never rejects.
   *
   * @param gone aborts with the original's channel
   * @param beside what is not part of the queue's topology; made to stand first
   * @param original what is kept until the copy is stored
   */
  send(copy: OutgoingMessage, gone: AbortSignal, beside?: Beside, original: object = copy): Promise<CopyResult> {
    return this.#send(copy, gone, beside, original, undefined);
  }

  /**
   * As {@link send}, of what needs nothing beside the queue's topology. Most copies are stored at the first try, and take no
   * promise this way.
   *
   * @param onSent never called in this call; must not throw
   * @param item handed to `onSent`, so that many copies can share one function
   */
  sendSimply<T>(
    copy: OutgoingMessage,
    signal: AbortSignal,
    original: object,
    onSent: (result: CopyResult, item: T) => void,
    item: T,
  ): void {
    if (signal.aborted) {
      queueMicrotask(() => onSent(channelGone, item));
      return;
    }
    this.#gathering.add({
      lane: this.#openLane(copy.exchange),
      signal,
      limitMs: firstTryMs,
      deadlineAt: 0,
      pendingAt: undefined,
      sending: undefined,
      onEnd: this.#onFirst,
      copy,
      original,
      onSent: onSent as (result: CopyResult, item: unknown) => void,
      item,
    });
  }

  #startFirst(first: FirstTry): void {
    // While it waited, the original's channel may have gone, and the lane been given up.
    if (first.signal.aborted) {
      first.onSent(channelGone, first.item);
      return;
    }
    first.lane = this.#openLane(first.copy.exchange);
    this.#start(first, first.copy);
  }

  /** @param tried how the first try ended, where there was one */
  async #send(
    copy: OutgoingMessage,
    gone: AbortSignal,
    beside: Beside | undefined,
    original: object,
    tried: TryResult | undefined,
  ): Promise<CopyResult> {
    const { effects, log } = this.#internals;
    const backoff = fullJitter({ baseMs: 100, maxMs: 30_000, random: effects.random });
    try {
      for (let attempt = 1; ; attempt += 1) {
        const limitMs = Math.min(longestTryMs, firstTryMs * 2 ** (attempt - 1));
        const stands = beside === undefined || (await this.#ensure(beside.topology, gone, attempt > 1));
        if (!stands && beside?.isOptional) return { status: 'impossible', error: new Error('its way does not stand') };
        const known = attempt === 1 ? tried : undefined;
        const outcome = known ?? (stands ? await this.#try(copy, gone, limitMs) : ({ status: 'unroutable' } as const));
        if (outcome.status === 'confirmed') return stored;
        if (outcome.status === 'rejected') return { status: 'impossible', error: outcome.error };
        this.noteUnstored(original);
        const fields = { queue: this.#queue, messageId: copy.properties.messageId, to: copy.routingKey, attempt };
        log.warn(
          { ...fields, outcome: outcome.status },
          'a copy was not stored; the original is kept and it is sent again',
        );
        if (outcome.status === 'unroutable') await this.#repair(gone);
        await sleep(effects.clock, backoff(attempt), gone);
      }
    } catch (thrown) {
      return gone.aborted ? channelGone : { status: 'impossible', error: asError(thrown) };
    } finally {
      this.forget(original);
    }
  }

  async close(signal: AbortSignal): Promise<void> {
    this.#gathering.clear();
    const lanes = [...this.#retired, ...this.#lanes.values()];
    this.#retired.clear();
    this.#lanes.clear();
    await Promise.all(lanes.map(({ channel }) => settled(channel.close(signal), signal).catch(() => undefined)));
  }

  /** One copy on its way, until it is answered or was written and not answered for so long. */
  #try(copy: OutgoingMessage, signal: AbortSignal, limitMs: number): Promise<TryResult> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const one: Try = {
        lane: this.#openLane(copy.exchange),
        signal,
        limitMs,
        deadlineAt: 0,
        pendingAt: undefined,
        sending: undefined,
        onEnd: (result) => (result.status === 'gone' ? reject(signal.reason) : resolve(result)),
      };
      this.#start(one, copy);
    });
  }

  #start(one: Try, copy: OutgoingMessage): void {
    one.lane.sending += 1;
    one.sending = one.lane.channel.send(copy, this.#onOutcome, one);
    this.#aborts.add(one);
    this.#watch(one);
  }

  #watch(one: Try): void {
    one.deadlineAt = this.#internals.effects.clock.now() + one.limitMs;
    this.#deadlines.add(one);
  }

  #onGone(one: Try): void {
    one.sending?.withdraw();
    this.#finish(one, channelGone);
  }

  #onLimit(one: Try): void {
    // A link that is down or blocked answers nothing, and sending again would not change that.
    if (one.sending?.written !== true || !this.flows) {
      this.#watch(one);
      return;
    }
    one.sending.withdraw();
    this.#retire(one.lane);
    this.#finish(one, { status: 'unanswered' });
  }

  #finish(one: Try, result: TryResult | Gone): void {
    this.#deadlines.delete(one);
    this.#aborts.delete(one);
    this.#release(one.lane);
    one.onEnd(result, one);
  }

  /** Whether what is sent now would be stored soon. */
  get flows(): boolean {
    const { session } = this.#internals.publishLink;
    return session?.isOpen === true && session.blocked !== true;
  }

  #openLane(exchange: string): Lane {
    const known = this.#lanes.get(exchange);
    if (known !== undefined) return known;
    const { publishLink, effects, options, log } = this.#internals;
    const channel = new ConfirmedChannel({
      link: publishLink,
      clock: effects.clock,
      log,
      backoff: fullJitter({ baseMs: 100, maxMs: 2_000, random: effects.random }),
      rpcTimeoutMs: options.rpcTimeoutMs,
      confirmStallMs: options.confirmStallMs,
      // A missing exchange is better found by asking than by publishing.
      ...(exchange !== '' && { prepare: (opened, signal) => opened.checkExchange(exchange, signal) }),
    });
    const lane = { exchange, channel, sending: 0 };
    this.#lanes.set(exchange, lane);
    return lane;
  }

  /** On a channel that owes a confirm, the same message id cannot be sent again: what comes next goes through another. */
  #retire(lane: Lane): void {
    if (this.#lanes.get(lane.exchange) !== lane) return;
    this.#lanes.delete(lane.exchange);
    this.#retired.add(lane);
  }

  #release(lane: Lane): void {
    lane.sending -= 1;
    if (lane.sending > 0 || !this.#retired.delete(lane)) return;
    const { effects, options } = this.#internals;
    lane.channel.close(effects.clock.deadline(options.rpcTimeoutMs)).catch(() => undefined);
  }

  /** Something that the copies go through is missing. Many find out at once; one repair is enough. */
  async #repair(gone: AbortSignal): Promise<void> {
    // The first caller's channel may be gone before it is done: then each tries again by itself.
    this.#repairing ??= sleep(this.#internals.effects.clock, repairAfterMs, gone)
      .then(() => this.#ensure(this.#topology, gone, true))
      .catch(() => undefined)
      .finally(() => {
        this.#repairing = undefined;
      });
    await settled(this.#repairing, gone);
  }

  /** True once it stands; false when it cannot, which is logged. Rejects only when the original's channel is gone. */
  async #ensure(topology: Topology, gone: AbortSignal, again: boolean): Promise<boolean> {
    try {
      await this.#internals.topology.ensure(topology, gone, again);
      return true;
    } catch (thrown) {
      if (gone.aborted) throw thrown;
      const fields = { queue: this.#queue, ...errorFields(thrown) };
      this.#internals.log.error(fields, 'what copies go through does not stand');
      return false;
    }
  }
}
