export interface Sample {
  /** Messages by queue, those in consumers' hands included. */
  readonly counts: ReadonlyMap<string, number>;
  /** How often a handler has succeeded, ever. */
  readonly handled: number;
}

/**
 * How long nothing may move while there is something left. What died while its dead-letter target could not be reached
 * arrives up to 180 s later, so that less would take what is late for what is stuck.
 */
export const stuckAfterMs = 240_000;
/** A message on its way from one queue to the next may be in neither count. */
export const emptyForMs = 3_000;
export const longestMs = 30 * 60_000;

/** Whether all has come to rest: everything was empty for a while, or nothing has moved for a long one. */
export class Stillness {
  readonly #beganAt: number;
  #last = '';
  #changedAt: number;

  constructor(now: number) {
    this.#beganAt = now;
    this.#changedAt = now;
  }

  isReached({ counts, handled }: Sample, now: number): boolean {
    const state = `${handled} ${[...counts.values()].join(' ')}`;
    if (state !== this.#last) this.#changedAt = now;
    this.#last = state;
    const isEmpty = [...counts.values()].every((count) => count === 0);
    const stillForMs = now - this.#changedAt;
    return stillForMs >= (isEmpty ? emptyForMs : stuckAfterMs) || now - this.#beganAt >= longestMs;
  }
}
