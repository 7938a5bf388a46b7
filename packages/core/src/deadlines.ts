import type { Cancel, Clock } from './effects.ts';
import { LinkedList, type Place } from './linked-list.ts';

export interface WithDeadline {
  /** By the clock, in milliseconds; not to be changed while it is pending. */
  readonly deadlineAt: number;
  /** Its place among those that are pending: undefined when it is not. */
  pendingAt: Place<unknown> | undefined;
}

/** Sweeps are at least so far apart, in milliseconds: a deadline may be noticed late by as much. */
const sweepEveryMs = 10;

/** Deadlines of many items over one timer, which is set to the earliest; there is none while nothing is pending. */
export class Deadlines<T extends WithDeadline> {
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  readonly #pending = new LinkedList<T>();
  #cancel: Cancel | undefined;
  #firesAt = Number.POSITIVE_INFINITY;
  #sweptAt = Number.NEGATIVE_INFINITY;

  /** @param onDue must not throw; it may add and delete items */
  constructor(clock: Clock, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** In the order in which they were added. */
  items(): readonly T[] {
    return [...this.#pending];
  }

  has(item: T): boolean {
    return item.pendingAt !== undefined;
  }

  add(item: T): void {
    item.pendingAt = this.#pending.append(item);
    if (item.deadlineAt < this.#firesAt) this.#arm(item.deadlineAt);
  }

  /** False when it is not pending. */
  delete(item: T): boolean {
    const place = item.pendingAt as Place<T> | undefined;
    if (place === undefined) return false;
    this.#pending.remove(place);
    item.pendingAt = undefined;
    if (this.#pending.size === 0) this.#disarm();
    return true;
  }

  #arm(deadlineAt: number): void {
    const now = this.#clock.now();
    const firesAt = Math.max(deadlineAt, Math.min(this.#sweptAt, now) + sweepEveryMs);
    if (firesAt >= this.#firesAt) return;
    this.#disarm();
    this.#firesAt = firesAt;
    this.#cancel = this.#clock.setTimeout(() => this.#sweep(), firesAt - now);
  }

  #disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#firesAt = Number.POSITIVE_INFINITY;
  }

  #sweep(): void {
    // A timer may fire a moment before the clock says so; it has waited all the same.
    const now = Math.max(this.#clock.now(), this.#firesAt);
    this.#disarm();
    this.#sweptAt = now;
    const due: T[] = [];
    let earliest = Number.POSITIVE_INFINITY;
    for (const item of this.#pending) {
      if (item.deadlineAt <= now) due.push(item);
      else earliest = Math.min(earliest, item.deadlineAt);
    }
    for (const item of due) if (this.delete(item)) this.#onDue(item);
    if (this.#pending.size > 0) this.#arm(earliest);
  }
}
