import { callUser, errorFields, type RabbitInternals } from '@surehop/core/internal';

/** How far something has come. */
export interface Progress {
  /** Messages looked at. */
  readonly looked: number;
  /** Those of them that were selected. */
  readonly matched: number;
  /** Those of them that were acted on; 0 where nothing is changed. */
  readonly done: number;
  /** How many there are to look at, as it was when this began; undefined where nobody knows. Of an import it is a guess. */
  readonly total: number | undefined;
  /**
   * How many are to be acted on, `done` of them being so: known where all were looked at before the first is acted on, from
   * then on.
   */
  readonly toDo?: number | undefined;
  readonly elapsedMs: number;
}

/** Told at the beginning, at most every 100 ms from then on, and at the end. What it throws is logged and breaks nothing. */
export type OnProgress = (progress: Progress) => void;

const leastMs = 100;

/** Tells a user how far something has come, not too often. */
export class ProgressMeter {
  readonly #internals: RabbitInternals;
  readonly #onProgress: OnProgress | undefined;
  readonly #startedAt: number;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(internals: RabbitInternals, onProgress: OnProgress | undefined) {
    this.#internals = internals;
    this.#onProgress = onProgress;
    this.#startedAt = internals.effects.clock.now();
  }

  note(counts: Omit<Progress, 'elapsedMs'>): void {
    if (this.#onProgress === undefined) return;
    if (this.#internals.effects.clock.now() - this.#toldAt >= leastMs) this.tell(counts);
  }

  /** However soon after the last time. */
  tell(counts: Omit<Progress, 'elapsedMs'>): void {
    const onProgress = this.#onProgress;
    if (onProgress === undefined) return;
    const { effects, log } = this.#internals;
    this.#toldAt = effects.clock.now();
    const progress = { ...counts, elapsedMs: this.#toldAt - this.#startedAt };
    callUser(
      () => onProgress(progress),
      (thrown) => log.warn(errorFields(thrown), 'a listener for progress failed'),
    );
  }
}
