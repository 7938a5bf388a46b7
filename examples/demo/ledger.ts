/** Why a message lies in the dead-letter queue, read from its headers. */
export interface Death {
  /** `failed` (attempts used up), `dead-letter` (the handler said so), … */
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
}

/** What is known of one event. */
export interface Entry {
  readonly id: string;
  readonly line: number;
  confirmed: boolean;
  /** Attempts that failed; one that was cut off counts as none. */
  failures: number;
  /** The highest attempt that is known of. */
  attempts: number;
  /** How often its work was done. More than one is a duplicate. */
  handled: number;
  /** How often it was found in the dead-letter queue. */
  deaths: readonly Death[];
}

export interface Counts {
  readonly published: number;
  readonly confirmed: number;
  readonly handled: number;
  readonly retried: number;
  readonly deadLettered: number;
  readonly duplicates: number;
  /** Published, and neither handled nor dead-lettered. While the run goes on: not yet. */
  readonly lost: number;
  /** Failed, and neither handled nor dead-lettered. */
  readonly inRetry: number;
}

/** Double-entry bookkeeping of a run: each event is put in once and must come out, as handled or as a dead letter. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  #tried = 0;
  #confirmed = 0;
  #settled = 0;
  #changes = 0;

  get entries(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Grows with whatever becomes known: when it stands still, so does the run. */
  get changes(): number {
    return this.#changes;
  }

  /** Events of which at least one attempt is known. */
  get tried(): number {
    return this.#tried;
  }

  get confirmed(): number {
    return this.#confirmed;
  }

  /** Events that came out. */
  get settled(): number {
    return this.#settled;
  }

  publish(id: string, line: number): void {
    this.#changes += 1;
    this.#entries.set(id, { id, line, confirmed: false, failures: 0, attempts: 0, handled: 0, deaths: [] });
  }

  /** It was refused before anything was written, so it never went in. */
  withdraw(id: string): void {
    this.#changes += 1;
    this.#entries.delete(id);
  }

  confirm(id: string): void {
    this.#change(id, (entry) => {
      entry.confirmed = true;
    });
  }

  fail(id: string, attempt: number): void {
    this.#change(id, (entry) => {
      entry.failures += 1;
      entry.attempts = Math.max(entry.attempts, attempt);
    });
  }

  handle(id: string, attempt: number): void {
    this.#change(id, (entry) => {
      entry.handled += 1;
      entry.attempts = Math.max(entry.attempts, attempt);
    });
  }

  bury(id: string, death: Death): void {
    this.#change(id, (entry) => {
      entry.deaths = [...entry.deaths, death];
    });
  }

  counts(): Counts {
    const all = this.entries;
    const count = (holds: (entry: Entry) => boolean): number => all.filter(holds).length;
    return {
      published: all.length,
      confirmed: this.#confirmed,
      handled: count((entry) => entry.handled > 0),
      retried: count(wasRetried),
      deadLettered: count((entry) => entry.deaths.length > 0),
      duplicates: all.reduce((sum, entry) => sum + duplicatesOf(entry), 0),
      lost: count((entry) => !isSettled(entry)),
      inRetry: count((entry) => entry.failures > 0 && !isSettled(entry)),
    };
  }

  #change(id: string, change: (entry: Entry) => void): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`the ledger has no event ${id}`);
    const before = { ...entry };
    change(entry);
    this.#changes += 1;
    if (!before.confirmed && entry.confirmed) this.#confirmed += 1;
    if (before.attempts === 0 && entry.attempts > 0) this.#tried += 1;
    if (!isSettled(before) && isSettled(entry)) this.#settled += 1;
  }
}

export function isSettled({ handled, deaths }: Entry): boolean {
  return handled > 0 || deaths.length > 0;
}

export function wasRetried({ attempts }: Entry): boolean {
  return attempts > 1;
}

/** How often an event came out beyond the one time that it should. */
export function duplicatesOf({ handled, deaths }: Entry): number {
  return Math.max(0, handled + deaths.length - 1);
}
