import type { Clock, DriverChannel } from '@surehop/core/internal';
import { AckWindow } from './ack-window.ts';

/** What a channel can be told about a delivery. A retry is a confirmed copy and then `ack`, never an immediate requeue. */
export type Settlement = 'ack' | 'return' | 'broker-dead-letter';

/** A quorum queue loses what reaches it just before its channel closes, beyond one command; after so long it has it. */
const closeAfterMs = 100;

/** Settles the deliveries of one channel on that channel: acknowledgements of one turn leave together. */
export class Settler {
  readonly #window = new AckWindow();
  readonly #channel: DriverChannel;
  readonly #clock: Clock;
  #flushDue = false;
  #sentAt = Number.NEGATIVE_INFINITY;
  #unsafeAt = Number.NEGATIVE_INFINITY;

  constructor(channel: DriverChannel, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
  }

  get unsettled(): number {
    return this.#window.unsettled;
  }

  delivered(tag: number): void {
    this.#window.delivered(tag);
  }

  /** False when the delivery was settled before; the first settlement stands. */
  settle(tag: number, settlement: Settlement): boolean {
    if (settlement === 'ack') {
      if (!this.#window.settle(tag)) return false;
      this.#flushSoon();
      return true;
    }
    if (!this.#window.remove(tag)) return false;
    this.#channel.nack(tag, settlement === 'return');
    this.#sent(true);
    return true;
  }

  flush(): void {
    this.#flushDue = false;
    for (const { tag, multiple } of this.#window.flush()) {
      this.#channel.ack(tag, multiple);
      this.#sent(!multiple);
    }
  }

  /** How long to wait, in milliseconds, before closing the channel loses nothing of what was sent. */
  get closeSafeInMs(): number {
    return Math.max(0, this.#unsafeAt + closeAfterMs - this.#clock.now());
  }

  #flushSoon(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    this.#clock.defer(() => this.flush());
  }

  /** One `multiple` ack arrives; it is several commands in a row of which the last ones are lost. */
  #sent(single: boolean): void {
    const now = this.#clock.now();
    if (single || now - this.#sentAt < closeAfterMs) this.#unsafeAt = now;
    this.#sentAt = now;
  }
}
