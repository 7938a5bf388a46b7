import { isSurehopError } from '@surehop/core';
import { type Figures, figuresOf } from './figures.ts';
import { History, type Remaining } from './history.ts';
import { Pause } from './pause.ts';

/** How long a promise may take beyond its deadline: the timers of a busy process. */
const lateMs = 1_500;

/** The history of one scenario on the machine's clock, and what came first after the heal. */
export class Watch {
  readonly #history = new History();
  readonly #codes = new Map<string, number>();
  readonly #publishing = new Pause();
  readonly #handling = new Pause();
  /** Of promises that have not settled. */
  readonly #sentAt = new Map<string, number>();
  #resolved = 0;
  #handled = 0;
  #isMending = false;
  #healedAt: number | undefined;
  #reconnectMs: number | undefined;
  #firstPublishedMs: number | undefined;
  #firstHandledMs: number | undefined;

  get resolved(): number {
    return this.#resolved;
  }

  /** Messages handled, those handled again included. */
  get handled(): number {
    return this.#handled;
  }

  /** Promises that have not settled. */
  get open(): number {
    return this.#sentAt.size;
  }

  /** @param deadlineMs of its promise */
  published(id: string, deadlineMs: number): void {
    const at = performance.now();
    this.#sentAt.set(id, at);
    this.#history.add({ kind: 'published', id, at, dueAt: at + deadlineMs + lateMs });
  }

  resolvedTo(id: string): void {
    this.#resolved += 1;
    this.#firstPublishedMs ??= this.#sinceHeal(this.#sentAt.get(id));
    this.#sentAt.delete(id);
    this.#publishing.note();
    this.#history.add({ kind: 'resolved', id, at: performance.now() });
  }

  rejected(id: string, error: unknown): void {
    this.#sentAt.delete(id);
    this.told(error);
    const stored = isSurehopError(error, 'SUREHOP_PUBLISH_UNKNOWN') ? 'unknown' : 'no';
    this.#history.add({ kind: 'rejected', id, at: performance.now(), stored });
  }

  /** @param beganAt when its handler was called. Default: now */
  handledOne(id: string, beganAt = performance.now()): void {
    this.#handled += 1;
    this.#firstHandledMs ??= this.#sinceHeal(beganAt);
    this.#handling.note();
    this.#history.add({ kind: 'handled', id, at: performance.now() });
  }

  deadLettered(id: string): void {
    this.#history.add({ kind: 'dead-lettered', id, at: performance.now() });
  }

  /** An operator has deleted a queue with what was in it: nothing that was published before now counts as lost. */
  forgive(): void {
    this.#history.forgive();
  }

  /** What a caller was told, of a publish or of anything else. */
  told(error: unknown): void {
    const code = isSurehopError(error) ? error.code : String(error);
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
  }

  /** Harm that should not matter for long, as the loss of one node of several: from here until the heal, pauses count. */
  harmed(): void {
    this.#publishing.begin();
    this.#handling.begin();
  }

  /**
   * The harm ends now: from here on, the first of everything counts that begins. Said before the command that mends it,
   * which may take longer than the clients do; where nobody says so, `Traffic.recovers` does.
   */
  healed(): void {
    this.#isMending = true;
    this.#publishing.end();
    this.#handling.end();
    this.#healedAt = performance.now();
    this.#firstPublishedMs = undefined;
    this.#firstHandledMs = undefined;
  }

  /** Between `healed` and `recovered`. */
  get isMending(): boolean {
    return this.#isMending;
  }

  /** Whether something has been published, and handled, that began after the heal. */
  get isUnderWay(): boolean {
    return this.#firstPublishedMs !== undefined && this.#firstHandledMs !== undefined;
  }

  /** All is well again. */
  recovered(): void {
    this.#isMending = false;
  }

  /** Not well at this moment; the last time that it was not is when it had reconnected. */
  ailing(): void {
    this.#reconnectMs = this.#sinceHeal();
  }

  figures(remaining: readonly Remaining[]): Figures {
    return {
      ...figuresOf(this.#history.report(remaining)),
      reconnectMs: this.#reconnectMs,
      firstPublishedMs: this.#firstPublishedMs,
      firstHandledMs: this.#firstHandledMs,
      publishPauseMs: this.#publishing.longestMs,
      handlePauseMs: this.#handling.longestMs,
      codes: Object.fromEntries([...this.#codes].toSorted(([one], [other]) => (one < other ? -1 : 1))),
    };
  }

  /** Undefined for what was under way before. */
  #sinceHeal(beganAt = performance.now()): number | undefined {
    if (this.#healedAt === undefined || beganAt < this.#healedAt) return undefined;
    return Math.round(performance.now() - this.#healedAt);
  }
}
