import type { HeaderTable } from '@surehop/core';
import type { Settlement } from './settler.ts';

/** What is known of a message that is the broker's again, for when it comes back to this process. */
export interface Keepsake {
  readonly key: string;
  /** With what its failures have written into them. */
  readonly headers: HeaderTable;
  readonly readyAt: number | undefined;
  readonly halted: Settlement | undefined;
  /** Its key was released since. */
  isReleased: boolean;
  /** Deliveries that are no sign of its killing anybody: this process had it, and lives. */
  readonly excused: number;
}

/** By message id, the latest ones. */
export class Keepsakes {
  readonly #most: number;
  readonly #all = new Map<string, Keepsake>();

  constructor(most: number) {
    this.#most = most;
  }

  /** For when it comes again. False when none of this key is halted. */
  release(key: string): boolean {
    let isFound = false;
    for (const kept of this.#all.values()) {
      if (kept.key !== key || kept.halted === undefined || kept.isReleased) continue;
      kept.isReleased = true;
      isFound = true;
    }
    return isFound;
  }

  find(id: string | undefined): Keepsake | undefined {
    return id === undefined || this.#all.size === 0 ? undefined : this.#all.get(id);
  }

  keep(id: string | undefined, keepsake: Keepsake): void {
    if (id === undefined) return;
    this.#all.delete(id);
    this.#all.set(id, keepsake);
    if (this.#all.size <= this.#most) return;
    // Another process may have handled it by now.
    const [oldest = id] = this.#all.keys();
    this.#all.delete(oldest);
  }

  /** It has come again. */
  take(id: string | undefined): Keepsake | undefined {
    const kept = this.find(id);
    if (kept !== undefined && id !== undefined) this.#all.delete(id);
    return kept;
  }
}
