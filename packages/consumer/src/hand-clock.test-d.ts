import type { Cancel, Clock } from '@surehop/core/internal';

/** A clock that a test moves by hand. */
export class HandClock implements Clock {
  #now = 1_700_000_000_000;
  #due: { readonly at: number; readonly callback: () => void }[] = [];
  #deferred: (() => void)[] = [];

  /** Those that have not fired. */
  get timers(): number {
    return this.#due.length;
  }

  now(): number {
    return this.#now;
  }

  epochMs(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, delayMs: number): Cancel {
    const timer = { at: this.#now + Math.max(0, delayMs), callback };
    this.#due.push(timer);
    return () => {
      this.#due = this.#due.filter((one) => one !== timer);
    };
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  deadline(delayMs: number): AbortSignal {
    const controller = new AbortController();
    this.setTimeout(() => controller.abort(new Error('deadline')), delayMs);
    return controller.signal;
  }

  /** Runs what was deferred, and what comes due, in order. */
  pass(ms: number): void {
    this.turn();
    const until = this.#now + ms;
    for (;;) {
      const [next] = this.#due.filter(({ at }) => at <= until).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      this.#due = this.#due.filter((one) => one !== next);
      this.#now = next.at;
      next.callback();
    }
    this.#now = until;
  }

  /** The end of this turn. */
  turn(): void {
    for (const callback of this.#deferred.splice(0)) callback();
  }
}
