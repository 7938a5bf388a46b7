/** The longest time between two events of a kind, as long as it is watched. */
export class Pause {
  #lastAt: number | undefined;
  #longestMs: number | undefined;

  /** Over everything that was watched, in milliseconds; `undefined` when nothing was. */
  get longestMs(): number | undefined {
    return this.#longestMs === undefined ? undefined : Math.round(this.#longestMs);
  }

  begin(): void {
    this.#lastAt = performance.now();
    this.#longestMs ??= 0;
  }

  /** It has happened. */
  note(): void {
    if (this.#lastAt === undefined) return;
    const now = performance.now();
    this.#longestMs = Math.max(this.#longestMs ?? 0, now - this.#lastAt);
    this.#lastAt = now;
  }

  /** What has lasted until now counts. */
  end(): void {
    this.note();
    this.#lastAt = undefined;
  }
}
