import type { Logger } from '@surehop/core';
import type { Cancel, Clock } from '@surehop/core/internal';
import type { Delivery } from './delivery.ts';
import { afterSettling, type Mode, markOf, onArrival } from './quarantine.ts';

export interface CautionOptions {
  readonly queue: string;
  /** Undefined for a queue without delivery counts: nothing is marked then. */
  readonly deliveryLimit: number | undefined;
  /** Whether the first delivery is looked at alone. */
  readonly isCautious: boolean;
  readonly prefetch: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether nothing is in hand. */
  readonly isIdle: () => boolean;
}

/** How long nothing arrives in quarantine before it is over, in milliseconds. */
const idleMs = 10_000;

/** How many messages a consumer takes at once, as its deliveries show. The only writer of its mode. */
export class Caution {
  readonly #options: CautionOptions;
  #mode: Mode;
  #cancelIdle: Cancel | undefined;

  constructor(options: CautionOptions) {
    this.#options = options;
    // One at a time anyway: there is nothing to narrow.
    this.#mode = options.isCautious && options.prefetch > 1 ? 'first' : 'full';
  }

  /** One message at a time. */
  get isNarrow(): boolean {
    return this.#mode !== 'full';
  }

  get isQuarantined(): boolean {
    return this.#mode === 'quarantine';
  }

  /** It may be killing its consumers. */
  isMarked(delivery: Delivery): boolean {
    const { deliveryLimit } = this.#options;
    return deliveryLimit !== undefined && delivery.deliveryCount >= markOf(deliveryLimit);
  }

  /** A delivery came through the current subscription. True when that is to ask for no more. */
  arrived(delivery: Delivery): boolean {
    if (this.#options.prefetch === 1) return false;
    if (this.#mode === 'full' && delivery.deliveryCount === 0) return false; // as nearly all are
    const { mode, isLast } = onArrival(this.#mode, this.isMarked(delivery));
    this.#setMode(mode, delivery);
    return isLast;
  }

  /** A delivery of the current subscription was settled. True when another subscription is to take its place. */
  settled(delivery: Delivery): boolean {
    const mode = afterSettling(this.#mode, this.isMarked(delivery));
    if (mode === this.#mode) {
      this.watchIdle();
      return false;
    }
    this.#setMode(mode, delivery);
    return true;
  }

  /**
   * Quarantine ends when nothing comes for a while: what was suspect is settled, or somebody else has it. What comes
   * next is looked at alone, as the first delivery is.
   */
  watchIdle(): void {
    const { clock, isIdle } = this.#options;
    this.unwatch();
    if (!this.isQuarantined) return;
    this.#cancelIdle = clock.setTimeout(() => {
      if (isIdle()) this.#setMode('first');
      else this.watchIdle();
    }, idleMs);
  }

  /** Leaves no timer behind. */
  unwatch(): void {
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
  }

  #setMode(mode: Mode, delivery?: Delivery): void {
    const before = this.#mode;
    if (mode === before) return;
    this.#mode = mode;
    this.unwatch();
    const { queue, log } = this.#options;
    const messageId = delivery?.message.properties.messageId;
    const fields = { queue, messageId, deliveryCount: delivery?.deliveryCount };
    if (mode === 'quarantine') {
      log.warn(fields, 'a message was delivered often and never settled: taking messages one at a time');
    } else if (before === 'quarantine') {
      log.info(fields, 'taking messages as usual again');
    }
  }
}
