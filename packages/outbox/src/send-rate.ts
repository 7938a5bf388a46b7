import type { Clock } from '@surehop/core/internal';

const seconds = 10;

/** How many per second, over the last ten. */
export class SendRate {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #counts = new Array<number>(seconds + 1).fill(0);
  /** Which second the latest count is of. */
  #latest = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  note(count = 1): void {
    this.#advance();
    const slot = this.#latest % this.#counts.length;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + count;
  }

  /** Of whole seconds only: the present one is not over. */
  perSecond(): number {
    this.#advance();
    const present = this.#counts[this.#latest % this.#counts.length] ?? 0;
    return (this.#counts.reduce((sum, count) => sum + count, 0) - present) / seconds;
  }

  #advance(): void {
    const now = Math.floor(this.#clock.now() / 1_000);
    const passed = Math.min(now - this.#latest, this.#counts.length);
    for (let step = 1; step <= passed; step += 1) this.#counts[(now - passed + step) % this.#counts.length] = 0;
    this.#latest = now;
  }
}
