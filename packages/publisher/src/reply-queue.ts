import { SurehopError } from '@surehop/core';
import {
  asError,
  type ChannelListeners,
  type Clock,
  type DriverChannel,
  DriverError,
  errorFields,
  fullJitter,
  type IncomingMessage,
  type LinkSession,
  type RabbitInternals,
  sessionLoop,
  settled,
} from '@surehop/core/internal';

/** The broker deletes one that nobody has consumed from for so long, in milliseconds. It is longer than most outages. */
const expiresMs = 300_000;
/** Answers are taken at once and need no handler: as many as the broker may send ahead. */
const prefetch = 1_000;

export interface ReplyQueueOptions {
  readonly internals: Pick<RabbitInternals, 'consumeLink' | 'effects' | 'log' | 'options'>;
  /** Must not throw. */
  readonly onAnswer: (answer: IncomingMessage) => void;
  /** Answers may have been lost with it: it was gone, and is there again under its name, or another one has taken its place. */
  readonly onGone: (isReplaced: boolean) => void;
}

interface Standing {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A queue of its own for answers, on the consuming link. Nobody else's connection is tied to it, so that it outlives lost
 * ones: what is answered meanwhile waits in it. The broker deletes it once nobody has come back for five minutes.
 *
 *   declaring ──▶ consumed ──lost──▶ looked for ──there──▶ consumed
 *       ▲                                 │
 *       └──────────── missing ────────────┘   (under another name where the old one cannot be had)
 */
export class ReplyQueue {
  readonly #options: ReplyQueueOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #name: string;
  /** It was declared and consumed under this name, and not found missing since. */
  #stands = false;
  #isMissing = false;
  /** What keeps it from standing, and waiting will not mend. */
  #fault: SurehopError | undefined;
  #standing: Standing | undefined;
  #channel: DriverChannel | undefined;

  constructor(options: ReplyQueueOptions) {
    this.#options = options;
    this.#name = this.#newName();
    const { consumeLink, effects, log, options: connection } = options.internals;
    const { random } = effects;
    const quick = fullJitter({ baseMs: 100, maxMs: connection.reconnectMaxDelayMs, random });
    const slow = fullJitter({ baseMs: 2_000, maxMs: 10_000, random });
    this.#running = sessionLoop({
      link: consumeLink,
      clock: effects.clock,
      backoff: (attempt) => (this.#fault === undefined ? quick(attempt) : slow(attempt)),
      stop: this.#stop.signal,
      serve: (session) => this.#serve(session),
      onFailure: (thrown) => this.#onFailure(asError(thrown)),
    }).catch((bug: unknown) => log.error(errorFields(bug), 'the reply queue ended'));
  }

  get name(): string {
    return this.#name;
  }

  /** Undefined while it stands, whether it is consumed at this moment or not; otherwise settles once it does or cannot. */
  whenStanding(): Promise<void> | undefined {
    if (this.#stands) return undefined;
    if (this.#fault !== undefined) return refused(this.#fault);
    this.#standing ??= standing();
    return this.#standing.promise;
  }

  /** Deletes it where that can be done before the signal aborts. Never rejects. */
  async close(signal: AbortSignal): Promise<void> {
    this.#stop.abort();
    await this.#leave(signal);
    await settled(this.#running, signal).catch(() => undefined);
  }

  async #leave(signal: AbortSignal): Promise<void> {
    const channel = this.#channel;
    if (channel === undefined || !channel.isOpen) return;
    await settled(channel.deleteQueue(this.#name, signal), signal).catch(() => undefined);
    await settled(channel.close(signal), signal).catch(() => undefined);
  }

  async #serve(session: LinkSession): Promise<void> {
    const { effects, options } = this.#options.internals;
    const deadline = (): AbortSignal => effects.clock.deadline(options.rpcTimeoutMs);
    const taking = new Taking(effects.clock, this.#options.onAnswer);
    const channel = await session.openChannel(taking.listeners, deadline());
    taking.channel = channel;
    try {
      await this.#declare(channel, deadline);
      await channel.prefetch(prefetch, deadline());
      await channel.consume(this.#name, `answers-${effects.newId()}`, deadline());
      this.#onConsumed();
    } catch (thrown) {
      await channel.close(deadline());
      throw thrown;
    }
    this.#channel = channel;
    if (this.#stop.signal.aborted) return this.#leave(deadline());
    const over = AbortSignal.any([this.#stop.signal, session.lost]);
    try {
      throw await settled(taking.ended, over);
    } catch (thrown) {
      if (over.aborted) return;
      await channel.close(deadline());
      throw thrown;
    }
  }

  async #declare(channel: DriverChannel, deadline: () => AbortSignal): Promise<void> {
    // Looked for first: only so is it known that what was in it is gone.
    if (this.#stands) {
      await channel.checkQueue(this.#name, deadline());
      return;
    }
    // Classic: with the one process that waits for it, nothing is won by keeping it on several nodes.
    const declaration = { 'x-queue-type': 'classic', 'x-expires': expiresMs };
    await channel.declareQueue({ name: this.#name, arguments: declaration }, deadline());
  }

  #onConsumed(): void {
    if (this.#isMissing) this.#options.onGone(false);
    this.#isMissing = false;
    this.#stands = true;
    this.#fault = undefined;
    this.#standing?.resolve();
    this.#standing = undefined;
  }

  #onFailure(error: Error): void {
    const { log } = this.#options.internals;
    const fields = { queue: this.#name, ...errorFields(error) };
    const replyCode = error instanceof DriverError ? error.replyCode : undefined;
    if (replyCode === 403) log.error(fields, 'the reply queue may not be used; trying again slowly');
    else log.warn(fields, 'the reply queue was lost; subscribing anew');
    if (replyCode === 404) this.#onMissing();
    else if (replyCode === 403) this.#fail(refusedError(this.#name, error));
  }

  /** Deleted, or expired; where it cannot be declared again either, the node that has it is down. */
  #onMissing(): void {
    this.#stands = false;
    if (this.#isMissing) {
      this.#name = this.#newName();
      this.#options.onGone(true);
    }
    this.#isMissing = !this.#isMissing;
  }

  #fail(fault: SurehopError): void {
    this.#stands = false;
    this.#fault = fault;
    this.#standing?.reject(fault);
    this.#standing = undefined;
  }

  #newName(): string {
    return `surehop.replies.${this.#options.internals.effects.newId()}`;
  }
}

/** What one channel brings. */
class Taking {
  /** Resolves with why it brings no more. */
  readonly ended: Promise<Error>;
  readonly listeners: ChannelListeners;
  channel: DriverChannel | undefined;
  readonly #clock: Clock;
  /** The last delivery that is not acknowledged; all before it are taken too. */
  #takenTag = 0;

  constructor(clock: Clock, onAnswer: (answer: IncomingMessage) => void) {
    this.#clock = clock;
    let end: (cause: Error) => void = () => undefined;
    this.ended = new Promise((resolve) => {
      end = resolve;
    });
    this.listeners = {
      onDelivery: (answer) => {
        onAnswer(answer);
        this.#taken(answer.deliveryTag);
      },
      onCancel: () => end(new DriverError('channel', 'the broker cancelled its consumer', { replyCode: 404 })),
      onClosed: (cause) => end(cause ?? new DriverError('channel', 'the channel was closed')),
      onConfirm: () => undefined,
      onReturn: () => undefined,
    };
  }

  /** Acknowledged once for all of a turn. */
  #taken(tag: number): void {
    const isFirst = this.#takenTag === 0;
    this.#takenTag = tag;
    if (!isFirst) return;
    this.#clock.defer(() => {
      this.channel?.ack(this.#takenTag, true);
      this.#takenTag = 0;
    });
  }
}

function standing(): Standing {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((onResolved, onRejected) => {
    [resolve, reject] = [onResolved, onRejected];
  });
  // Those who wait may have given up.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** Nobody need handle it. */
function refused(fault: SurehopError): Promise<never> {
  const rejected = Promise.reject(fault);
  rejected.catch(() => undefined);
  return rejected;
}

function refusedError(name: string, cause: Error): SurehopError {
  const text = `the reply queue "${name}" cannot be used, and nothing was sent: ${cause.message}`;
  const advice = 'publishAndWait needs configure and read on ^surehop\\.replies\\.';
  return new SurehopError('SUREHOP_ACCESS_REFUSED', `${text}; ${advice}`, { retryable: false, cause });
}
