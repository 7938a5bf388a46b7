import type { Cancel, Clock } from '@surehop/core/internal';

/**
 * The broker's share of time. While the broker is frozen nothing of it happens, and it happens in order afterwards; what
 * was to happen in a broker that was killed never does.
 */
export class BrokerTime {
  readonly #clock: Clock;
  #incarnation = 0;
  #isFrozen = false;
  #backlog: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  now(): number {
    return this.#clock.now();
  }

  epochMs(): number {
    return this.#clock.epochMs();
  }

  after(delayMs: number, callback: () => void): Cancel {
    const incarnation = this.#incarnation;
    let isCancelled = false;
    const due = (): void => {
      if (!isCancelled && incarnation === this.#incarnation) callback();
    };
    const cancelTimer = this.#clock.setTimeout(() => this.run(due), delayMs);
    return () => {
      isCancelled = true;
      cancelTimer();
    };
  }

  /** At once, or when it is thawed. */
  run(callback: () => void): void {
    if (this.#isFrozen) this.#backlog.push(callback);
    else callback();
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const callback of backlog) this.run(callback);
  }

  /** Everything that was under way is over. */
  end(): void {
    this.#incarnation += 1;
    this.#backlog = [];
    this.#isFrozen = false;
  }
}
