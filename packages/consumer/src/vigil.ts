import type { Cancel, Clock, LinkSession } from '@surehop/core/internal';
import type { Subscription } from './subscription.ts';

/** So long nothing may come before the broker is asked for a sign of life, and so long it may take to give one. */
const quietMs = 4_500;
const answerMs = 3_000;

export interface VigilOptions {
  readonly clock: Clock;
  /** Whether one message more than usual may be in hand. */
  readonly mayProbe: () => boolean;
}

/**
 * Notices a broker that is connected and hands out nothing because it cannot, frozen or cut off from the others of its
 * cluster, long before heartbeats do, which a node that is cut off goes on answering. Only where there is another host.
 */
export class Vigil {
  readonly #options: VigilOptions;
  #heardAt = 0;
  #cancel: Cancel | undefined;
  /** Hosts left in a row that were no better. */
  #left = 0;

  constructor(options: VigilOptions) {
    this.#options = options;
  }

  /** The broker has just confirmed this subscription. */
  watch(session: LinkSession, subscription: Subscription): void {
    this.unwatch();
    this.#left = 0;
    if (session.otherHosts === 0) return;
    this.#wait(subscription, quietMs);
    this.heard();
  }

  /** A message came. */
  heard(): void {
    if (this.#cancel === undefined) return;
    this.#heardAt = this.#options.clock.now();
  }

  /**
   * The broker owes an answer. Its host is left, unless all have been tried: the queue is at fault then, and others on the
   * same link are not to suffer from it.
   */
  unanswered(session: LinkSession, cause: Error): void {
    if (!session.isOpen || this.#left >= session.otherHosts) return;
    this.#left += 1;
    session.destroy(cause);
  }

  /** Leaves no timer behind. */
  unwatch(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wait(subscription: Subscription, ms: number): void {
    this.#cancel = this.#options.clock.setTimeout(() => {
      const silentMs = this.#options.clock.now() - this.#heardAt;
      if (silentMs < quietMs)
        this.#wait(subscription, Math.max(1, quietMs - silentMs)); // less may be no time at all
      else void this.#probe(subscription);
    }, ms);
  }

  async #probe(subscription: Subscription): Promise<void> {
    const { mayProbe } = this.#options;
    const cancel = this.#cancel;
    if (mayProbe() && subscription.hasCredit) await subscription.probe(answerMs).catch(() => undefined);
    if (this.#cancel !== cancel) return; // its end was noticed meanwhile
    this.heard();
    this.#wait(subscription, quietMs);
  }
}
