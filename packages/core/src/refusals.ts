import type { Clock } from './effects.ts';

/** So long a channel may be answered with refusals only before it is replaced, in milliseconds. */
const longestMs = 2_000;

/**
 * How long a channel has been answered with refusals only. On 3.10 one that was opened before a queue had found its new
 * leader refuses everything for ever, for it goes on asking the old one; another channel does not.
 */
export class Refusals {
  readonly #clock: Pick<Clock, 'now'>;
  #since: number | undefined;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Whether the channel should be replaced. */
  get areTooMany(): boolean {
    return this.#since !== undefined && this.#clock.now() - this.#since >= longestMs;
  }

  opened(): void {
    this.#since = undefined;
  }

  answered(stored: boolean): void {
    this.#since = stored ? undefined : (this.#since ?? this.#clock.now());
  }
}
