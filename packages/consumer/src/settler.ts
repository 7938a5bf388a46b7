import { AckWindow, type Cancel, type Clock, type DriverChannel } from '@surehop/core/internal';

/**
 * What a channel can be told about a delivery. A retry is a confirmed copy and then `ack`, never an immediate requeue;
 * `keep back` is for queues whose broker itself lets what was rejected wait.
 */
export type Settlement = 'ack' | 'return' | 'broker-dead-letter' | 'keep back';

/** A quorum queue loses what reaches it just before its channel closes, beyond one command; after so long it has it. */
const closeAfterMs = 100;

/** While messages flow, how long an acknowledgement waits for others to leave with it, in milliseconds. */
const longestHoldMs = 1;

/** How long one waits for an older delivery that is about to be settled, to leave with it, in milliseconds. */
const longestBehindMs = 10;

/** How long nothing is read where most of what is in hand is about to be settled, in milliseconds. */
const pauseMs = 2;

/** With a smaller prefetch, a pause is long enough for all of it to have come. */
const smallestPausing = 64;

/** Messages flow as long as acknowledgements follow each other within so many milliseconds. */
const flowMs = 3;

/**
 * Settles the deliveries of one channel on that channel. Acknowledgements of one turn leave together; while messages flow,
 * those of several turns, as long as the broker may hand out half of the prefetch meanwhile, and for 1 ms at the longest.
 * Behind a message whose copy is on its way, as those of half of what is in hand are, half of the prefetch waits for up to
 * 10 ms: copies in several queues are confirmed in no order, and each single acknowledgement is a command in a queue's log.
 * And what comes meanwhile is read every 2 ms: its copies would wait for each other anyway.
 */
export class Settler {
  readonly #window = new AckWindow();
  readonly #channel: DriverChannel;
  readonly #clock: Clock;
  readonly #mostHeld: number;
  readonly #fewestMoving: number;
  #turnEnds = false;
  #cancelHold: Cancel | undefined;
  #cancelBehind: Cancel | undefined;
  #flushedAt = Number.NEGATIVE_INFINITY;
  #sentAt = Number.NEGATIVE_INFINITY;
  #unsafeAt = Number.NEGATIVE_INFINITY;

  /** @param prefetch how many deliveries the broker lets wait on this channel */
  constructor(channel: DriverChannel, clock: Clock, prefetch: number) {
    this.#channel = channel;
    this.#clock = clock;
    this.#mostHeld = prefetch / 2;
    this.#fewestMoving = prefetch < smallestPausing ? Number.POSITIVE_INFINITY : prefetch / 8;
  }

  /** Deliveries that nobody has settled. */
  get unsettled(): number {
    return this.#window.unsettled;
  }

  delivered(tag: number): void {
    this.#window.delivered(tag);
  }

  /** Its copy is on its way: it will be settled within moments. */
  moving(tag: number): void {
    this.#window.closing(tag);
    if (this.#window.areClosing(this.#fewestMoving)) this.#channel.pauseReading(pauseMs);
  }

  /** False when the delivery was settled before; the first settlement stands. */
  settle(tag: number, settlement: Settlement): boolean {
    if (settlement === 'ack') {
      if (!this.#window.settle(tag)) return false;
      this.#flushSoon();
      return true;
    }
    if (!this.#window.remove(tag)) return false;
    // On 4.3 `nack` says that nobody is to blame: only `reject` counts as a failure.
    if (settlement === 'keep back') this.#channel.reject(tag, true);
    else this.#channel.nack(tag, settlement === 'return');
    this.#sent(true);
    return true;
  }

  /** Leaves nothing unsaid. */
  flush(): void {
    this.#flush(0);
  }

  /** Nothing more can be sent: leaves no timer behind. */
  drop(): void {
    this.#cancelHold?.();
    this.#cancelHold = undefined;
    this.#cancelBehind?.();
    this.#cancelBehind = undefined;
  }

  /** How long to wait, in milliseconds, before closing the channel loses nothing of what was sent. */
  get closeSafeInMs(): number {
    return Math.max(0, this.#unsafeAt + closeAfterMs - this.#clock.now());
  }

  #flushSoon(): void {
    if (this.#turnEnds || (this.#cancelHold !== undefined && this.#leavesRoom)) return;
    this.#turnEnds = true;
    this.#clock.defer(() => {
      this.#turnEnds = false;
      if (this.#cancelHold !== undefined || !this.#leavesRoom || !this.#flows) this.#flushRun();
      else this.#cancelHold = this.#clock.setTimeout(() => this.#flushRun(), longestHoldMs);
    });
  }

  #flushRun(): void {
    this.#flush(this.#mostHeld);
    if (this.#window.unacknowledged > 0)
      this.#cancelBehind ??= this.#clock.setTimeout(() => this.flush(), longestBehindMs);
  }

  #flush(mostBehind: number): void {
    this.#cancelHold?.();
    this.#cancelHold = undefined;
    const acks = this.#window.flush(mostBehind);
    if (this.#window.unacknowledged === 0) {
      this.#cancelBehind?.();
      this.#cancelBehind = undefined;
    }
    if (acks.length === 0) return;
    this.#flushedAt = this.#clock.now();
    for (const { tag, multiple } of acks) {
      this.#channel.ack(tag, multiple);
      this.#sent(!multiple);
    }
  }

  /** Whether the broker has so much of the prefetch left that nobody waits for an acknowledgement. */
  get #leavesRoom(): boolean {
    return this.#window.size <= this.#mostHeld;
  }

  get #flows(): boolean {
    return this.#clock.now() - this.#flushedAt < flowMs;
  }

  /** One `multiple` ack arrives; it is several commands in a row of which the last ones are lost. */
  #sent(single: boolean): void {
    const now = this.#clock.now();
    if (single || now - this.#sentAt < closeAfterMs) this.#unsafeAt = now;
    this.#sentAt = now;
  }
}
