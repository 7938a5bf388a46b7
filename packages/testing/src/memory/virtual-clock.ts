import type { Cancel, Clock } from '@surehop/core/internal';

interface Entry {
  readonly at: number;
  /** Breaks ties: what was scheduled first comes first. */
  readonly order: number;
  /** Undefined once it was cancelled. */
  callback: (() => void) | undefined;
}

export interface VirtualClockOptions {
  /**
   * What the machine's clock says at the start, in milliseconds since the Unix epoch.
   * @default 1_767_225_600_000, the first of January 2026
   */
  readonly epochMs?: number;
}

/** Time that stands still until it is moved, for simulations and for tests of what takes long. */
export class VirtualClock implements Clock {
  /** A binary heap by time and order. */
  readonly #heap: Entry[] = [];
  #cancelled = 0;
  #order = 0;
  #now = 0;
  #epochMs: number;

  constructor({ epochMs = 1_767_225_600_000 }: VirtualClockOptions = {}) {
    this.#epochMs = epochMs;
  }

  now(): number {
    return this.#now;
  }

  epochMs(): number {
    return this.#epochMs + this.#now;
  }

  setTimeout(callback: () => void, delayMs: number): Cancel {
    const entry: Entry = { at: this.#now + Math.max(0, delayMs), order: this.#order, callback };
    this.#order += 1;
    this.#push(entry);
    return () => {
      if (entry.callback === undefined) return;
      entry.callback = undefined;
      this.#cancelled += 1;
      if (this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) this.#compact();
    };
  }

  defer(callback: () => void): void {
    this.setTimeout(callback, 0);
  }

  deadline(delayMs: number): AbortSignal {
    const controller = new AbortController();
    this.setTimeout(() => controller.abort(new DOMException('timed out', 'TimeoutError')), delayMs);
    return controller.signal;
  }

  /** How many callbacks wait, those of deadlines included. */
  get waiting(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** When the earliest callback is due; undefined when nothing waits. */
  get nextAt(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.at;
  }

  /**
   * Moves time to the earliest callback and makes exactly that one; of several due at once, the one scheduled first.
   * False when nothing waits. Promises settle only when the caller lets them.
   */
  runNext(): boolean {
    this.#dropCancelled();
    const entry = this.#pop();
    if (entry === undefined) return false;
    this.#now = entry.at;
    const { callback } = entry;
    entry.callback = undefined; // to cancel it now is too late, and counts for nothing
    callback?.();
    return true;
  }

  /** Moves time on without calling anything back; never past the next callback. */
  moveTo(at: number): void {
    this.#now = Math.max(this.#now, Math.min(at, this.nextAt ?? at));
  }

  /** The machine's clock is set anew, as by NTP. `now()` does not notice. */
  jumpEpoch(byMs: number): void {
    this.#epochMs += byMs;
  }

  /** Makes everything due within so many milliseconds, with a turn of the event loop after each, so that promises settle. */
  async advanceBy(ms: number): Promise<void> {
    const end = this.#now + ms;
    await turn();
    while ((this.nextAt ?? Number.POSITIVE_INFINITY) <= end) {
      this.runNext();
      await turn();
    }
    this.#now = end;
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]?.callback === undefined) {
      this.#pop();
      this.#cancelled -= 1;
    }
  }

  #compact(): void {
    const alive = this.#heap.filter(({ callback }) => callback !== undefined);
    this.#heap.length = 0;
    this.#cancelled = 0;
    for (const entry of alive) this.#push(entry);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Entry;
      if (isBefore(above, entry)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && isBefore(heap[right] as Entry, heap[left] as Entry) ? right : left;
      if (!isBefore(heap[child] as Entry, last)) break;
      heap[index] = heap[child] as Entry;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
