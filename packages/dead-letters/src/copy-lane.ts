import { SurehopError } from '@surehop/core';
import {
  type Cancel,
  ConfirmedChannel,
  fullJitter,
  type Outcome,
  type OutgoingMessage,
  type RabbitInternals,
  type Sending,
} from '@surehop/core/internal';

/** How a copy ended: the broker has it on disk, or it does not, and why. */
export type CopyResult =
  | { readonly stored: true }
  | { readonly stored: false; readonly why: string; readonly isRefused: boolean };

interface Item {
  readonly copy: OutgoingMessage;
  readonly onEnd: (result: CopyResult) => void;
  sending: Sending | undefined;
  refusals: number;
}

/** Enough for ten thousand a second; what is in flight when a process dies may be there twice. */
const mostInFlight = 300;
const mostBytesInFlight = 16 * 1024 * 1024;

/** How often a copy is sent that its queue refuses, with growing pauses: some three seconds in all. */
const mostRefusals = 6;

const stored: CopyResult = Object.freeze({ stored: true });

/**
 * Sends copies in order, so many at once as is good for speed and memory, through whatever happens to the link. Where a
 * queue refuses one, nothing else is sent until it was taken or given up.
 */
export class CopyLane {
  readonly #internals: RabbitInternals;
  readonly #channel: ConfirmedChannel;
  readonly #items = new Set<Item>();
  #bytes = 0;
  #refused: Item[] = [];
  /** Queues that have refused a copy for good: what follows is not waited for as long. */
  readonly #full = new Set<string>();
  #refusedError: SurehopError | undefined;
  #onChange: (() => void) | undefined;
  #cancelAgain: Cancel | undefined;
  readonly #onOutcome = (outcome: Outcome, item: Item): void => this.#ended(item, outcome);

  constructor(internals: RabbitInternals) {
    this.#internals = internals;
    const { publishLink, effects, options, log } = internals;
    this.#channel = new ConfirmedChannel({
      link: publishLink,
      clock: effects.clock,
      log,
      backoff: fullJitter({ baseMs: 100, maxMs: 2_000, random: effects.random }),
      rpcTimeoutMs: options.rpcTimeoutMs,
      confirmStallMs: options.confirmStallMs,
    });
  }

  /** What the publishing link can carry in one frame; what it carried last while it is down. */
  get frameMax(): number {
    return this.#internals.publishLink.session?.frameMax ?? smallestFrame;
  }

  /** Copies that are on their way. */
  get size(): number {
    return this.#items.size;
  }

  /** @param onEnd called once, never in this call, and not at all after `giveUp` */
  send(copy: OutgoingMessage, onEnd: (result: CopyResult) => void): void {
    const item: Item = { copy, onEnd, sending: undefined, refusals: 0 };
    this.#items.add(item);
    this.#bytes += copy.content.length;
    item.sending = this.#channel.send(copy, this.#onOutcome, item);
  }

  /**
   * Resolves when one more may be sent.
   *
   * @throws {SurehopError} SUREHOP_ACCESS_REFUSED: the broker takes nothing from this user
   * @throws the signal's reason
   */
  room(signal: AbortSignal): Promise<void> {
    const hasRoom = (): boolean =>
      this.#items.size < mostInFlight && this.#bytes < mostBytesInFlight && this.#refused.length === 0;
    return this.#until(hasRoom, signal);
  }

  /** Resolves when nothing is on its way. Throws like `room`. */
  idle(signal: AbortSignal): Promise<void> {
    return this.#until(() => this.#items.size === 0, signal);
  }

  /** Forgets what is on its way: nobody is told how it ended. */
  giveUp(): void {
    this.#cancelAgain?.();
    for (const { sending } of this.#items) sending?.withdraw();
    this.#items.clear();
    this.#refused = [];
    this.#bytes = 0;
  }

  async close(): Promise<void> {
    this.giveUp();
    const { effects, options } = this.#internals;
    await this.#channel.close(effects.clock.deadline(options.rpcTimeoutMs));
  }

  async #until(isSo: () => boolean, signal: AbortSignal): Promise<void> {
    for (;;) {
      if (this.#refusedError !== undefined) throw this.#refusedError;
      if (isSo()) return;
      if (signal.aborted) throw signal.reason;
      await new Promise<void>((resolve) => {
        const go = (): void => {
          signal.removeEventListener('abort', go);
          this.#onChange = undefined;
          resolve();
        };
        this.#onChange = go;
        signal.addEventListener('abort', go, { once: true });
      });
    }
  }

  #ended(item: Item, outcome: Outcome): void {
    const to = item.copy.routingKey;
    if (outcome.status === 'refused' && item.refusals + 1 < (this.#full.has(to) ? 2 : mostRefusals)) {
      this.#refusedOnce(item);
      return;
    }
    if (outcome.status === 'confirmed') this.#full.delete(to);
    else if (outcome.status === 'refused') this.#full.add(to);
    this.#leave(item);
    if (outcome.status === 'rejected' && outcome.replyCode === 403) {
      const what = `the broker does not let this user write to queue ${JSON.stringify(to)} through the default exchange`;
      const options = { retryable: false, cause: outcome.error };
      this.#refusedError ??= new SurehopError('SUREHOP_ACCESS_REFUSED', what, options);
    } else {
      item.onEnd(outcome.status === 'confirmed' ? stored : failed(outcome, to));
    }
    this.#onChange?.();
  }

  #leave(item: Item): void {
    if (!this.#items.delete(item)) return;
    this.#bytes -= item.copy.content.length;
    this.#sendRefused();
  }

  #refusedOnce(item: Item): void {
    item.refusals += 1;
    this.#refused.push(item);
    this.#sendRefused();
  }

  /** Once everything else was answered, so that the order is kept as far as the queue has kept it. */
  #sendRefused(): void {
    const refused = this.#refused;
    if (refused.length === 0 || refused.length < this.#items.size) return;
    const { clock } = this.#internals.effects;
    this.#cancelAgain?.();
    const again = (): void => {
      this.#refused = [];
      for (const item of refused) item.sending = this.#channel.send(item.copy, this.#onOutcome, item);
    };
    const pauseMs = 100 * 2 ** Math.min(4, (refused[0] as Item).refusals - 1);
    this.#cancelAgain = clock.setTimeout(again, pauseMs);
  }
}

/** What every broker offers. */
const smallestFrame = 4_096;

function failed(outcome: Exclude<Outcome, { status: 'confirmed' }>, to: string): CopyResult {
  return { stored: false, why: reasonOf(outcome, to), isRefused: outcome.status === 'refused' };
}

function reasonOf(outcome: Exclude<Outcome, { status: 'confirmed' }>, to: string): string {
  const queue = `queue ${JSON.stringify(to)}`;
  if (outcome.status === 'unroutable') return `target ${queue} does not exist`;
  if (outcome.status === 'refused') return `target ${queue} refuses it: it is full, or unavailable`;
  return `no copy of it can be published: ${outcome.error.message}`;
}
