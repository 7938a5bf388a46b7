const binMs = 50;

/** When something that should happen all the time happened, to about 50 ms. Takes moments in any order. */
export class Pulse {
  /** Per stretch of 50 ms: the latest beginning among what was finished in it. */
  readonly #bins = new Map<number, number>();

  /** Something that began at one moment was finished at another. */
  beat(beganAt: number, at: number): void {
    const bin = Math.floor(at / binMs);
    const latest = this.#bins.get(bin);
    if (latest === undefined || latest < beganAt) this.#bins.set(bin, beganAt);
  }

  /** The longest time without a beat within a stretch of time, in milliseconds. */
  longestPauseMs(from: number, to: number): number {
    let longest = 0;
    let since = from;
    for (const bin of this.#sorted()) {
      const at = Math.min(bin * binMs, to);
      if (at < from) continue;
      longest = Math.max(longest, at - since);
      since = at;
    }
    return Math.max(longest, to - since);
  }

  /** Until the first thing was finished that had begun after a moment, in milliseconds; undefined when there was none. */
  firstAfterMs(moment: number): number | undefined {
    for (const bin of this.#sorted()) {
      const beganAt = this.#bins.get(bin) ?? 0;
      if (beganAt >= moment) return Math.max(0, (bin + 1) * binMs - moment);
    }
    return undefined;
  }

  #sorted(): number[] {
    return [...this.#bins.keys()].sort((a, b) => a - b);
  }
}
