import type { Standing } from './protocol.ts';

type Counted = Omit<Standing, 'oldestAcceptedAt' | 'nextDueAt'>;

const none: Counted = { unsent: 0, unsentBytes: 0, deferred: 0, setAside: 0, setAsideBytes: 0 };

/** How many rows and bytes there are, kept along: to count them takes a scan. What a transaction changes counts once it is committed. */
export class Totals {
  #committed: Counted = none;
  #changed: Counted = none;

  set(unsent: Record<string, unknown> | undefined, setAside: Record<string, unknown> | undefined): void {
    this.#committed = {
      unsent: Number(unsent?.count ?? 0),
      unsentBytes: Number(unsent?.bytes ?? 0),
      deferred: 0,
      setAside: Number(setAside?.count ?? 0),
      setAsideBytes: Number(setAside?.bytes ?? 0),
    };
  }

  now(): Counted {
    return this.#committed;
  }

  /** Whether anything is set aside, in the transaction at hand. */
  get hasSetAside(): boolean {
    return this.#changed.setAside > 0;
  }

  begin(): void {
    this.#changed = this.#committed;
  }

  add(what: 'unsent' | 'setAside' | 'deferred', count: number, bytes: number): void {
    const before = this.#changed;
    if (what === 'deferred') this.#changed = { ...before, deferred: before.deferred + count };
    else if (what === 'unsent') {
      this.#changed = { ...before, unsent: before.unsent + count, unsentBytes: before.unsentBytes + bytes };
    } else {
      this.#changed = { ...before, setAside: before.setAside + count, setAsideBytes: before.setAsideBytes + bytes };
    }
  }

  commit(): void {
    this.#committed = this.#changed;
  }

  rollback(): void {
    this.#changed = this.#committed;
  }
}
