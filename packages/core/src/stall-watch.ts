import type { Cancel, Clock } from './effects.ts';

/** So many times `confirmStallMs` without a confirm, and there was no other host to go to: the channel itself is given up. */
const stallsBorne = 4;

export interface StallWatchOptions {
  readonly clock: Clock;
  readonly confirmStallMs: number;
  /** How long nothing was confirmed although something is due; undefined when nothing is. Milliseconds. */
  readonly stalledMs: () => number | undefined;
  /** Once for each `confirmStallMs`. */
  readonly onStalled: (stalledMs: number) => void;
  /**
   * A broker can lose track of one channel for good (seen on 3.10 after a queue was deleted under load). By now most of
   * what the channel holds has been given up, so that hardly anything is sent twice on the next one.
   */
  readonly onGivenUp: () => void;
}

/** Notices a channel on which the broker confirms nothing any more. */
export class StallWatch {
  readonly #options: StallWatchOptions;
  #cancel: Cancel | undefined;

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  /** Something was written. Watches until nothing is due. */
  watch(): void {
    if (this.#cancel === undefined) this.#wait(this.#options.confirmStallMs);
  }

  /** Leaves no timer behind. */
  unwatch(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wait(delayMs: number): void {
    this.#cancel = this.#options.clock.setTimeout(() => this.#check(), Math.max(1, delayMs));
  }

  #check(): void {
    this.#cancel = undefined;
    const { confirmStallMs, stalledMs, onStalled, onGivenUp } = this.#options;
    const stalled = stalledMs();
    if (stalled === undefined) return;
    this.#wait(stalled >= confirmStallMs ? confirmStallMs : confirmStallMs - stalled);
    if (stalled >= confirmStallMs) onStalled(stalled);
    if (stalled >= stallsBorne * confirmStallMs) onGivenUp();
  }
}
