import type { Cancel, Clock } from '@surehop/core/internal';
import { Roster } from './roster.ts';

/** Something that has only so long. */
export interface Limited {
  /** By the clock. */
  readonly began: number;
  /** Called once for each `begin` at the most; ends it in this call. */
  onLimit(): void;
}

/**
 * One limit for all that runs under it, with one timer for the oldest. Most ends long before, and a timer for each would
 * be the dearest part of it.
 */
export class TimeLimit {
  readonly limitMs: number;
  readonly #clock: Clock;
  readonly #running = new Roster<Limited>();
  readonly #timers = new Set<Cancel>();
  #isArmed = false;

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.limitMs = limitMs;
  }

  now(): number {
    return this.#clock.now();
  }

  /** Gives the place to name at its end. */
  begin(limited: Limited): number {
    if (!this.#isArmed) this.#arm(this.limitMs);
    return this.#running.add(limited);
  }

  /** It is not limited any more. */
  end(place: number): void {
    this.#running.remove(place);
  }

  /** A timer for one of them alone. */
  after(delayMs: number, callback: () => void): Cancel {
    const cancel = this.#clock.setTimeout(() => {
      this.#timers.delete(cancel);
      callback();
    }, delayMs);
    this.#timers.add(cancel);
    return () => {
      this.#timers.delete(cancel);
      cancel();
    };
  }

  /** Leaves no timer behind. */
  unwatch(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#isArmed = false;
  }

  #arm(delayMs: number): void {
    this.#isArmed = true;
    this.after(delayMs, () => this.#onTimer());
  }

  #onTimer(): void {
    const now = this.#clock.now();
    for (const limited of this.#running) if (limited.began + this.limitMs <= now) limited.onLimit();
    this.#isArmed = false;
    // Counted afterwards: the end of one may begin another, in a place that was passed already.
    let leastLeftMs = Number.POSITIVE_INFINITY;
    for (const { began } of this.#running) leastLeftMs = Math.min(leastLeftMs, began + this.limitMs - now);
    if (leastLeftMs < Number.POSITIVE_INFINITY) this.#arm(Math.max(1, leastLeftMs)); // less may be no time at all
  }
}
