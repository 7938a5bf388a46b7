import type { Cancel, Clock } from '@surehop/core/internal';

/** How long the first of them waits for others, in milliseconds. */
const longestMs = 5;
/** They come thick when so many came within so many milliseconds, or left together last, so many milliseconds ago. */
const fewest = 4;
const burstMs = 2;
const lullMs = 10;

/**
 * Hands on what it is given, at once where that comes one by one. While it comes thick, what comes within 5 ms leaves
 * together, or as soon as there is enough of it.
 */
export class Gathering<T> {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #onDue: (item: T) => void;
  #items: T[] = [];
  #cancel: Cancel | undefined;
  /** Of the last that left together, or within `burstMs`: how many, and since when. */
  #left = 0;
  #leftAt = Number.NEGATIVE_INFINITY;

  /**
   * @param most so many leave at once; below 4, nothing waits
   * @param onDue called for each, in the order in which they came; must not throw
   */
  constructor(clock: Clock, most: number, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#most = most;
    this.#onDue = onDue;
  }

  add(item: T): void {
    if (this.#items.length === 0 && !this.#isThick) {
      this.#count();
      this.#onDue(item);
      return;
    }
    this.#items.push(item);
    if (this.#items.length >= this.#most) this.#flush();
    else this.#cancel ??= this.#clock.setTimeout(() => this.#flush(), longestMs);
  }

  /** Forgets what waits: nobody wants it any more. */
  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#items = [];
  }

  get #isThick(): boolean {
    return this.#most >= fewest && this.#left >= fewest && this.#clock.now() - this.#leftAt < lullMs;
  }

  #count(): void {
    const now = this.#clock.now();
    if (now - this.#leftAt >= burstMs) {
      this.#leftAt = now;
      this.#left = 0;
    }
    this.#left += 1;
  }

  #flush(): void {
    const items = this.#items;
    this.clear();
    this.#left = items.length;
    this.#leftAt = this.#clock.now();
    for (const item of items) this.#onDue(item);
  }
}
