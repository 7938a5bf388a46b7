/** How long a pause may be made up for, in milliseconds: timers are late by some. */
const catchUpMs = 100;

/** Lets one after the other go, so many per second. Pure: the time is given. */
export class Pace {
  /** When the next one is due, in milliseconds. */
  #dueAt = Number.NEGATIVE_INFINITY;

  /** How long the next one has to wait, in milliseconds; 0 when it may go. */
  waitMs(now: number): number {
    return Math.max(0, this.#dueAt - now);
  }

  /** One goes. */
  take(now: number, perSecond: number): void {
    this.#dueAt = Math.max(this.#dueAt, now - catchUpMs) + 1_000 / perSecond;
  }
}
