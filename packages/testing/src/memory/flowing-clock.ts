import type { Cancel, Clock } from '@surehop/core/internal';
import { VirtualClock } from './virtual-clock.ts';

/** Time that passes as it does for everybody, and can be moved on. */
export class FlowingClock implements Clock {
  readonly #inner = new VirtualClock({ epochMs: Date.now() });
  readonly #startedAt = performance.now();
  #skippedMs = 0;
  #disarm: Cancel = () => undefined;

  now(): number {
    this.#inner.moveTo(this.#goal);
    return this.#inner.now();
  }

  epochMs(): number {
    this.#inner.moveTo(this.#goal);
    return this.#inner.epochMs();
  }

  setTimeout(callback: () => void, delayMs: number): Cancel {
    this.now();
    const cancel = this.#inner.setTimeout(callback, delayMs);
    this.#arm();
    return cancel;
  }

  defer(callback: () => void): void {
    this.setTimeout(callback, 0);
  }

  deadline(delayMs: number): AbortSignal {
    this.now();
    const signal = this.#inner.deadline(delayMs);
    this.#arm();
    return signal;
  }

  /** Makes at once what would be due within so many milliseconds, each in its order and with its own time. */
  async advanceBy(ms: number): Promise<void> {
    const before = this.now();
    await this.#inner.advanceBy(ms);
    this.#skippedMs += Math.max(0, before + ms - this.#goal);
    this.#arm();
  }

  get #goal(): number {
    return performance.now() - this.#startedAt + this.#skippedMs;
  }

  /** Waits for the next callback. A wait does not keep the process alive. */
  #arm(): void {
    this.#disarm();
    const { nextAt } = this.#inner;
    if (nextAt === undefined) return;
    const run = (): void => {
      if ((this.#inner.nextAt ?? Number.POSITIVE_INFINITY) <= this.#goal) this.#inner.runNext();
      this.#arm();
    };
    const wait = nextAt - this.#goal;
    if (wait <= 0) {
      const immediate = setImmediate(run);
      this.#disarm = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(run, Math.min(wait, 2 ** 31 - 1));
      timer.unref();
      this.#disarm = () => clearTimeout(timer);
    }
  }
}
