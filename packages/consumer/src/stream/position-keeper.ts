import type { Logger, PositionStore } from '@surehop/core';
import { type Backoff, type Cancel, type Clock, errorFields, fullJitter, settled } from '@surehop/core/internal';
import { Condition } from '../condition.ts';

export interface PositionKeeperOptions {
  /** Undefined where nothing is kept. */
  readonly store: PositionStore | undefined;
  /** What the position is called in the store. */
  readonly key: string;
  readonly saveEvery: number;
  readonly saveAfterMs: number;
  /** Longest time for one answer of the store, in milliseconds. */
  readonly answerMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

/**
 * How far a reader has come, and how far the store knows. One save runs at a time and carries the newest position; what
 * is handled meanwhile goes with the next one. What the store has is the offset that is to be read next, so that 0 says
 * of a reader which has read nothing that it begins with whatever comes first.
 */
export class PositionKeeper {
  readonly #options: PositionKeeperOptions;
  readonly #condition = new Condition();
  readonly #backoff: Backoff;
  /** What is to be read next, and of that what the store has; undefined before it is known. */
  #next: number | undefined;
  #saved: number | undefined;
  #unsaved = 0;
  #failures = 0;
  #failure: unknown;
  #isSaving = false;
  #cancelTimer: Cancel | undefined;
  #isClosed = false;

  constructor(options: PositionKeeperOptions) {
    this.#options = options;
    this.#backoff = fullJitter({ baseMs: 200, maxMs: 10_000, random: options.random });
  }

  /** The last offset that is done with; undefined before the first. */
  get position(): number | undefined {
    return offsetBefore(this.#next);
  }

  /** The last one of which the store knows that. */
  get saved(): number | undefined {
    return offsetBefore(this.#saved);
  }

  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Why the last save failed; undefined once one has succeeded. */
  get failure(): unknown {
    return this.#failure;
  }

  get isSaved(): boolean {
    return this.#options.store === undefined || this.#saved === this.#next;
  }

  /** It and all before it are done with. */
  reached(offset: number): void {
    this.#next = offset + 1;
    this.#unsaved += 1;
    this.#schedule();
  }

  /** What the store has. */
  loaded(next: number): void {
    this.#next = next;
    this.#saved = next;
  }

  /** It goes on there. Resolves when the store knows; rejects with the signal's reason when that aborts first. */
  async keep(next: number, signal: AbortSignal): Promise<void> {
    this.#next = next;
    await this.flush(signal);
  }

  /** Resolves when the store has the position; rejects with the signal's reason when that aborts first. */
  async flush(signal: AbortSignal): Promise<void> {
    if (!this.isSaved && !this.#isSaving) this.#save();
    await this.#condition.until(() => {
      if (this.isSaved) return true;
      // A save that ran when this was asked for may have carried less.
      if (!this.#isSaving && this.#failures === 0) this.#save();
      return false;
    }, signal);
  }

  /** Saves nothing more, and leaves no timer behind, whatever comes of a save that is under way. */
  close(): void {
    this.#isClosed = true;
    this.#unschedule();
  }

  #schedule(): void {
    const { store, saveEvery, saveAfterMs } = this.#options;
    if (store === undefined || this.#isClosed || this.#isSaving || this.#failures > 0) return;
    if (this.#unsaved >= saveEvery) this.#save();
    else this.#cancelTimer ??= this.#options.clock.setTimeout(() => this.#save(), saveAfterMs);
  }

  #unschedule(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #save(): void {
    this.#unschedule();
    this.#isSaving = true;
    this.#unsaved = 0;
    const next = this.#next as number;
    this.#stored(next).then(
      () => this.#onSaved(next),
      (thrown: unknown) => this.#onFailed(thrown),
    );
  }

  /** Async, so that what a store throws at once is a rejection too. */
  async #stored(next: number): Promise<void> {
    const { store, key, clock, answerMs } = this.#options;
    if (store !== undefined) await settled(store.save(key, next), clock.deadline(answerMs));
  }

  #onSaved(next: number): void {
    const { log, key } = this.#options;
    if (this.#failures > 0) log.info({ key, position: offsetBefore(next) }, 'the store takes positions again');
    this.#isSaving = false;
    this.#failures = 0;
    this.#failure = undefined;
    this.#saved = next;
    this.#condition.changed();
    if (this.#unsaved > 0) this.#schedule();
  }

  #onFailed(thrown: unknown): void {
    const { log, key, clock } = this.#options;
    this.#isSaving = false;
    this.#failures += 1;
    this.#failure = thrown;
    if (this.#failures === 1) {
      const text = 'a position could not be saved and is tried again; after a crash more would be handled again';
      log.warn({ key, position: this.position, ...errorFields(thrown) }, text);
    }
    if (!this.#isClosed) this.#cancelTimer = clock.setTimeout(() => this.#save(), this.#backoff(this.#failures));
  }
}

function offsetBefore(next: number | undefined): number | undefined {
  return next === undefined || next === 0 ? undefined : next - 1;
}
