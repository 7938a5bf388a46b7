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
  #resolved = 0;
  #handled = 0;
  #open = 0;
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
    return this.#open;
  }

  /** @param deadlineMs of its promise */
  published(id: string, deadlineMs: number): void {
    const at = performance.now();
    this.#open += 1;
    this.#history.add({ kind: 'published', id, at, dueAt: at + deadlineMs + lateMs });
  }

  resolvedTo(id: string): void {
    this.#open -= 1;
    this.#resolved += 1;
    this.#firstPublishedMs ??= this.#sinceHeal();
    this.#publishing.note();
    this.#history.add({ kind: 'resolved', id, at: performance.now() });
  }

  rejected(id: string, error: unknown): void {
    this.#open -= 1;
    this.told(error);
    const stored = isSurehopError(error, 'SUREHOP_PUBLISH_UNKNOWN') ? 'unknown' : 'no';
    this.#history.add({ kind: 'rejected', id, at: performance.now(), stored });
  }

  handledOne(id: string): void {
    this.#handled += 1;
    this.#firstHandledMs ??= this.#sinceHeal();
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

  /** The harm is over: from here on, the first of everything counts. */
  healed(): void {
    this.#publishing.end();
    this.#handling.end();
    this.#healedAt = performance.now();
    this.#firstPublishedMs = undefined;
    this.#firstHandledMs = undefined;
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

  #sinceHeal(): number | undefined {
    return this.#healedAt === undefined ? undefined : Math.round(performance.now() - this.#healedAt);
  }
}
