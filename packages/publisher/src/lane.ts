import {
  ConfirmedChannel,
  type DriverChannel,
  fullJitter,
  type Outcome,
  type OutgoingMessage,
  type RabbitInternals,
  type Sending,
  settled,
} from '@surehop/core/internal';
import type { Declarable } from './pending.ts';

export interface LaneOptions<T> {
  readonly internals: Pick<RabbitInternals, 'publishLink' | 'effects' | 'log' | 'options'>;
  /** `''` is the default exchange. */
  readonly exchange: string;
  /** Makes the exchange of a contract again. Never rejects; false when that cannot be done. */
  readonly repair: (contract: Declarable) => Promise<boolean>;
  /** The outcome of what came with the item; told once for each. */
  readonly onOutcome: (item: T, outcome: Outcome) => void;
  /** The broker has refused the exchange, and nothing is left on the lane: opening it again would be in vain. */
  readonly onFallen: () => void;
}

/** The way to one exchange: a confirmed channel of its own, so that what is wrong with one exchange ends only that one. */
export class Lane<T> {
  readonly #options: LaneOptions<T>;
  readonly #onOutcome: (outcome: Outcome, item: T) => void;
  readonly #channel: ConfirmedChannel;
  #contract: Declarable | undefined;
  #repairing: Promise<boolean> | undefined;
  /** The contract's exchange could not be made again. */
  #isLost = false;
  #isFalling = false;
  #usedAt: number;

  constructor(options: LaneOptions<T>) {
    this.#options = options;
    this.#onOutcome = (outcome, item) => {
      if (outcome.status === 'rejected') this.#onRejected(outcome.replyCode);
      options.onOutcome(item, outcome);
    };
    const { publishLink, effects, log, options: connection } = options.internals;
    this.#usedAt = effects.clock.now();
    this.#channel = new ConfirmedChannel({
      link: publishLink,
      clock: effects.clock,
      log,
      backoff: fullJitter({ baseMs: 100, maxMs: connection.reconnectMaxDelayMs, random: () => effects.random() }),
      rpcTimeoutMs: connection.rpcTimeoutMs,
      confirmStallMs: connection.confirmStallMs,
      prepare: (channel, signal) => this.#prepare(channel, signal),
      onNotFound: () => this.#onNotFound(),
    });
  }

  /** Messages that it holds: to be written, or written and not answered. */
  get size(): number {
    return this.#channel.size;
  }

  /** When a message last came, by the clock; not kept for the default exchange. */
  get usedAt(): number {
    return this.#usedAt;
  }

  get stalledMs(): number {
    return this.#channel.stalledMs;
  }

  /**
   * Takes a message; its outcome is told once, never in this call.
   *
   * @param contract the exchange's, where there is one: with it, an exchange that was deleted can be made again
   */
  send(message: OutgoingMessage, contract: Declarable | undefined, item: T): Sending {
    this.#contract ??= contract;
    // The default exchange's stays, whenever it was used.
    if (this.#options.exchange !== '') this.#usedAt = this.#options.internals.effects.clock.now();
    return this.#channel.send(message, this.#onOutcome, item);
  }

  /** Closes the channel with a handshake, or lets it go when the signal aborts. Never rejects. */
  async close(signal: AbortSignal): Promise<void> {
    await settled(this.#channel.close(signal), signal).catch(() => undefined);
  }

  /** Before the first write on each new channel: a missing exchange is better found by asking than by publishing. */
  async #prepare(channel: DriverChannel, signal: AbortSignal): Promise<void> {
    if (this.#repairing !== undefined) {
      this.#isLost = !(await settled(this.#repairing, signal));
      this.#repairing = undefined;
    }
    if (this.#options.exchange !== '' && this.#contract === undefined) {
      await channel.checkExchange(this.#options.exchange, signal);
    }
  }

  #onNotFound(): boolean {
    if (this.#contract === undefined || this.#isLost) return false;
    if (this.#options.internals.options.topology !== 'declare') return false;
    this.#repairing ??= this.#options.repair(this.#contract);
    return true;
  }

  #onRejected(replyCode: number | undefined): void {
    if ((replyCode !== 403 && replyCode !== 404) || this.#isFalling) return;
    this.#isFalling = true;
    // After all the others that are rejected in this turn.
    queueMicrotask(() => {
      this.#isFalling = false;
      if (this.size === 0) this.#options.onFallen();
    });
  }
}
