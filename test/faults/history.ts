/** What happened to one sending of a message; a message that is sent again after a rejection has a new id. */
export type HistoryEvent =
  /** `dueAt`: by when its promise has to have settled. */
  | { readonly kind: 'published'; readonly id: string; readonly at: number; readonly dueAt: number }
  | { readonly kind: 'resolved'; readonly id: string; readonly at: number }
  | { readonly kind: 'rejected'; readonly id: string; readonly at: number; readonly stored: 'no' | 'unknown' }
  /** A handler has finished it. */
  | { readonly kind: 'handled'; readonly id: string; readonly at: number }
  | { readonly kind: 'dead-lettered'; readonly id: string; readonly at: number };

/** A message that is still somewhere when everything is over. */
export interface Remaining {
  readonly id: string;
  readonly queue: string;
}

export interface Report {
  readonly published: number;
  readonly resolved: number;
  readonly rejected: { readonly notStored: number; readonly unknown: number };
  readonly handled: number;
  readonly deadLettered: number;
  /** Promised, and never handled nor dead-lettered. */
  readonly lost: readonly string[];
  /** Rejected as not stored, and yet it arrived. */
  readonly phantom: readonly string[];
  /** Settled neither way when it was due, or later than that. */
  readonly hung: readonly string[];
  /** How often something was handled that had been handled before. */
  readonly duplicates: number;
  /** Nobody will ever take it. */
  readonly stuck: readonly Remaining[];
}

interface Sending {
  readonly dueAt: number;
  settledAt: number | undefined;
  outcome: 'resolved' | 'no' | 'unknown' | undefined;
  handled: number;
  isDead: boolean;
  /** It may be gone by an operator's hand. */
  isForgiven: boolean;
}

/** Takes events as they come, in any order per message, and adds them up. */
export class History {
  readonly #sendings = new Map<string, Sending>();
  /** Of what nobody here has sent, or not yet. */
  readonly #strangers: HistoryEvent[] = [];

  add(event: HistoryEvent): void {
    if (event.kind === 'published') {
      const { dueAt } = event;
      const fresh = { settledAt: undefined, outcome: undefined, handled: 0, isDead: false, isForgiven: false };
      this.#sendings.set(event.id, { dueAt, ...fresh });
      return;
    }
    const sending = this.#sendings.get(event.id);
    if (sending === undefined) {
      this.#strangers.push(event);
      return;
    }
    if (event.kind === 'handled') sending.handled += 1;
    else if (event.kind === 'dead-lettered') sending.isDead = true;
    else {
      sending.settledAt ??= event.at;
      sending.outcome ??= event.kind === 'resolved' ? 'resolved' : event.stored;
    }
  }

  /** Whether every promise has settled. */
  get isSettled(): boolean {
    for (const { outcome } of this.#sendings.values()) if (outcome === undefined) return false;
    return true;
  }

  /** When its promise settled; undefined while it has not. */
  settledAt(id: string): number | undefined {
    return this.#sendings.get(id)?.settledAt;
  }

  /** An operator has deleted a queue with what was in it: nothing that was published before now counts as lost. */
  forgive(): void {
    for (const sending of this.#sendings.values()) sending.isForgiven = true;
  }

  /**
   * @param remaining what is still in a queue other than the dead-letter queue
   * @param excused sendings whose process died before their promise settled: nothing was promised, and nobody waits
   */
  report(remaining: readonly Remaining[], excused: ReadonlySet<string> = new Set()): Report {
    const strangers = this.#strangers.splice(0);
    for (const event of strangers) this.add(event);
    const all = [...this.#sendings];
    const stuck = remaining.filter(({ id }) => this.#sendings.has(id));
    const inQueue = new Set(stuck.map(({ id }) => id));
    const count = (is: (sending: Sending) => boolean): number => all.filter(([, sending]) => is(sending)).length;
    const which = (is: (sending: Sending, id: string) => boolean): string[] =>
      all.flatMap(([id, sending]) => (is(sending, id) ? [id] : []));
    const arrived = (sending: Sending, id: string): boolean => sending.handled > 0 || sending.isDead || inQueue.has(id);
    return {
      published: all.length,
      resolved: count(({ outcome }) => outcome === 'resolved'),
      rejected: {
        notStored: count(({ outcome }) => outcome === 'no'),
        unknown: count(({ outcome }) => outcome === 'unknown'),
      },
      handled: count(({ handled }) => handled > 0),
      deadLettered: count(({ isDead }) => isDead),
      lost: which((sending, id) => sending.outcome === 'resolved' && !sending.isForgiven && !arrived(sending, id)),
      phantom: which((sending, id) => sending.outcome === 'no' && arrived(sending, id)),
      hung: which(({ settledAt, dueAt }, id) => !excused.has(id) && (settledAt === undefined || settledAt > dueAt)),
      duplicates: all.reduce((sum, [, { handled }]) => sum + Math.max(0, handled - 1), 0),
      stuck,
    };
  }
}
