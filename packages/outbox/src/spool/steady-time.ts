import type { Clock } from '@surehop/core/internal';

/**
 * The spool's own time, in milliseconds since about the Unix epoch: it never goes back, in this process or from one to the
 * next, whatever the machine's clock does. Ages are differences of it.
 */
export class SteadyTime {
  readonly #clock: Clock;
  readonly #origin: number;

  /** @param last the latest that the file knows */
  constructor(clock: Clock, last: number) {
    this.#clock = clock;
    this.#origin = Math.max(clock.epochMs(), last) - clock.now();
  }

  now(): number {
    return Math.floor(this.#origin + this.#clock.now());
  }

  /** When so much time will have passed; no sooner. */
  in(ms: number): number {
    return Math.ceil(this.#origin + this.#clock.now() + ms);
  }
}
