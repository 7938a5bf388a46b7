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

/** How sending a copy ended. */
export type CopyResult =
  /** The broker has it on disk, in its queue. */
  | { readonly status: 'stored' }
  /** The original's channel is gone: the broker delivers the original again. */
  | { readonly status: 'gone' }
  /** It cannot be encoded, or the broker closes the channel for it. */
  | { readonly status: 'impossible'; readonly error: Error };

interface Lane {
  readonly channel: ConfirmedChannel;
  sending: number;
}

type TryResult = Outcome | { readonly status: 'unanswered' };

/** One copy on its way. */
interface Try extends WithDeadline {
  readonly lane: Lane;
  /** Aborts with the original's channel. */
  readonly signal: AbortSignal;
  readonly limitMs: number;
  deadlineAt: number;
  sending: Sending | undefined;
  readonly resolve: (result: TryResult) => void;
  readonly reject: (reason: unknown) => void;
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
  #lane: Lane | undefined;
  readonly #retired = new Set<Lane>();
  /** Originals whose copy was tried and is not stored. */
  readonly #unstored = new Set<object>();
  readonly #deadlines: Deadlines<Try>;
  readonly #aborts: Aborts<Try>;
  readonly #onOutcome = (outcome: Outcome, one: Try): void => {
    this.#end(one);
    one.resolve(outcome);
  };
  #repairing: Promise<unknown> | undefined;

  constructor(internals: RabbitInternals, queue: string, topology: Topology) {
    this.#internals = internals;
    this.#queue = queue;
    this.#topology = topology;
    this.#deadlines = new Deadlines(internals.effects.clock, (one) => this.#onLimit(one));
    this.#aborts = new Aborts((one) => this.#onGone(one));
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
   * @param rung a rung that is not part of the queue's topology; made to stand first
   * @param original what is kept until the copy is stored
   */
  async send(copy: OutgoingMessage, gone: AbortSignal, rung?: Topology, original: object = copy): Promise<CopyResult> {
    const { effects, log } = this.#internals;
    const backoff = fullJitter({ baseMs: 100, maxMs: 30_000, random: effects.random });
    try {
      for (let attempt = 1; ; attempt += 1) {
        const limitMs = Math.min(longestTryMs, firstTryMs * 2 ** (attempt - 1));
        const stands = rung === undefined || (await this.#ensure(rung, gone, attempt > 1));
        const outcome = stands ? await this.#try(copy, gone, limitMs) : ({ status: 'unroutable' } as const);
        if (outcome.status === 'confirmed') return { status: 'stored' };
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
      return gone.aborted ? { status: 'gone' } : { status: 'impossible', error: asError(thrown) };
    } finally {
      this.forget(original);
    }
  }

  async close(signal: AbortSignal): Promise<void> {
    const lanes = [...this.#retired, ...(this.#lane === undefined ? [] : [this.#lane])];
    this.#retired.clear();
    this.#lane = undefined;
    await Promise.all(lanes.map(({ channel }) => settled(channel.close(signal), signal).catch(() => undefined)));
  }

  /** One copy on its way, until it is answered or was written and not answered for so long. */
  #try(copy: OutgoingMessage, signal: AbortSignal, limitMs: number): Promise<TryResult> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const lane = this.#openLane();
    lane.sending += 1;
    return new Promise((resolve, reject) => {
      const one: Try = {
        lane,
        signal,
        limitMs,
        deadlineAt: 0,
        pendingAt: undefined,
        sending: undefined,
        resolve,
        reject,
      };
      one.sending = lane.channel.send(copy, this.#onOutcome, one);
      this.#aborts.add(one);
      this.#watch(one);
    });
  }

  #watch(one: Try): void {
    one.deadlineAt = this.#internals.effects.clock.now() + one.limitMs;
    this.#deadlines.add(one);
  }

  #onGone(one: Try): void {
    one.sending?.withdraw();
    this.#end(one);
    one.reject(one.signal.reason);
  }

  #onLimit(one: Try): void {
    // A link that is down or blocked answers nothing, and sending again would not change that.
    if (one.sending?.written !== true || !this.#flows()) {
      this.#watch(one);
      return;
    }
    one.sending.withdraw();
    this.#retire(one.lane);
    this.#end(one);
    one.resolve({ status: 'unanswered' });
  }

  #end(one: Try): void {
    this.#deadlines.delete(one);
    this.#aborts.delete(one);
    this.#release(one.lane);
  }

  #flows(): boolean {
    const { session } = this.#internals.publishLink;
    return session?.isOpen === true && session.blocked !== true;
  }

  #openLane(): Lane {
    const { publishLink, effects, options, log } = this.#internals;
    this.#lane ??= {
      channel: new ConfirmedChannel({
        link: publishLink,
        clock: effects.clock,
        log,
        backoff: fullJitter({ baseMs: 100, maxMs: 2_000, random: effects.random }),
        rpcTimeoutMs: options.rpcTimeoutMs,
        confirmStallMs: options.confirmStallMs,
      }),
      sending: 0,
    };
    return this.#lane;
  }

  /** On a channel that owes a confirm, the same message id cannot be sent again: what comes next goes through another. */
  #retire(lane: Lane): void {
    if (lane !== this.#lane) return;
    this.#lane = undefined;
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
