import type { Clock } from '@surehop/core/internal';

/** A subscription that lived shorter than this followed its predecessor quickly, in milliseconds. */
const shortLifeMs = 1_000;

/** So many may follow each other without a pause: the one that looks at the first delivery, the full one, quarantine. */
const freeOfPause = 3;

const firstPauseMs = 100;
const longestPauseMs = 500;

/** Keeps a consumer from doing nothing but subscribe: whatever ends its subscriptions, they do not follow each other at once. */
export class Pace {
  readonly #clock: Clock;
  #openedAt = Number.NEGATIVE_INFINITY;
  #shortLives = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  opened(): void {
    this.#openedAt = this.#clock.now();
  }

  /** The subscription is to be replaced. How long to wait before that, in milliseconds. */
  replaced(): number {
    this.#shortLives = this.#clock.now() - this.#openedAt < shortLifeMs ? this.#shortLives + 1 : 0;
    return this.#pauseMs;
  }

  get #pauseMs(): number {
    const paused = this.#shortLives - freeOfPause;
    return paused < 0 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(paused, 10));
  }
}
