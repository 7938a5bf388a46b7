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
 * is handled meanwhile goes with the next one.
 */
export class PositionKeeper {
  readonly #options: PositionKeeperOptions;
  readonly #condition = new Condition();
  readonly #backoff: Backoff;
  #position: number | undefined;
  #saved: number | undefined;
  #unsaved = 0;
  #failures = 0;
  #isSaving = false;
  #cancelTimer: Cancel | undefined;
  #isClosed = false;

  constructor(options: PositionKeeperOptions) {
    this.#options = options;
    this.#backoff = fullJitter({ baseMs: 200, maxMs: 10_000, random: options.random });
  }

  /** Undefined before the first. */
  get position(): number | undefined {
    return this.#position;
  }

  get saved(): number | undefined {
    return this.#saved;
  }

  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** It and all before it are done with. */
  reached(position: number): void {
    this.#position = position;
    this.#unsaved += 1;
    this.#schedule();
  }

  /** What the store has. */
  loaded(position: number): void {
    this.#position = position;
    this.#saved = position;
  }

  /** Resolves when the store has the position; rejects with the signal's reason when that aborts first. */
  async flush(signal: AbortSignal): Promise<void> {
    const isSaved = (): boolean => this.#options.store === undefined || this.#saved === this.#position;
    if (!isSaved() && !this.#isSaving) this.#save();
    await this.#condition.until(() => {
      if (isSaved()) return true;
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
    const position = this.#position as number;
    this.#stored(position).then(
      () => this.#onSaved(position),
      (thrown: unknown) => this.#onFailed(thrown),
    );
  }

  /** Async, so that what a store throws at once is a rejection too. */
  async #stored(position: number): Promise<void> {
    const { store, key, clock, answerMs } = this.#options;
    if (store !== undefined) await settled(store.save(key, position), clock.deadline(answerMs));
  }

  #onSaved(position: number): void {
    const { log, key } = this.#options;
    if (this.#failures > 0) log.info({ key, position }, 'the store takes positions again');
    this.#isSaving = false;
    this.#failures = 0;
    this.#saved = position;
    this.#condition.changed();
    if (this.#unsaved > 0) this.#schedule();
  }

  #onFailed(thrown: unknown): void {
    const { log, key, clock } = this.#options;
    this.#isSaving = false;
    this.#failures += 1;
    if (this.#failures === 1) {
      const text = 'a position could not be saved and is tried again; after a crash more would be handled again';
      log.warn({ key, position: this.#position, ...errorFields(thrown) }, text);
    }
    if (!this.#isClosed) this.#cancelTimer = clock.setTimeout(() => this.#save(), this.#backoff(this.#failures));
  }
}
