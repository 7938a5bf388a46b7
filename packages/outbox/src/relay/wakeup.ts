import type { Clock } from '@surehop/core/internal';

/** Waits until somebody calls or time is up. A call while nobody waits counts for the next wait. */
export class Wakeup {
  readonly #clock: Clock;
  #isDue = false;
  #resolve: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    this.#isDue = true;
    this.#resolve?.();
  }

  /**
   * At the latest after so many milliseconds, at once when it was called since the last wait.
   *
   * @returns whether it was called
   */
  async wait(timeoutMs: number): Promise<boolean> {
    if (!this.#isDue) await this.rest(timeoutMs);
    const isCalled = this.#isDue;
    this.#isDue = false;
    return isCalled;
  }

  /** As `wait`, but what was called before does not count: there is a reason to stay away. */
  rest(timeoutMs: number): Promise<void> {
    this.#isDue = false;
    return new Promise((resolve) => {
      const cancel = this.#clock.setTimeout(resolve, timeoutMs);
      this.#resolve = () => {
        cancel();
        resolve();
      };
    });
  }
}
