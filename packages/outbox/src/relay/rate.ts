/** How much happens per second, over the last ten. */
export class Rate {
  readonly #seconds: number[] = Array.from({ length: 10 }, () => 0);
  #latest = Number.NEGATIVE_INFINITY;

  /** @param now in milliseconds, never going back */
  add(count: number, now: number): void {
    this.#turnTo(Math.floor(now / 1_000));
    const slot = this.#slotOf(this.#latest);
    this.#seconds[slot] = (this.#seconds[slot] ?? 0) + count;
  }

  at(now: number): number {
    this.#turnTo(Math.floor(now / 1_000));
    const sum = this.#seconds.reduce((one, other) => one + other, 0);
    return Math.round((sum / this.#seconds.length) * 10) / 10;
  }

  #turnTo(second: number): void {
    const passed = Math.min(this.#seconds.length, second - this.#latest);
    for (let ago = 0; ago < passed; ago += 1) this.#seconds[this.#slotOf(second - ago)] = 0;
    this.#latest = Math.max(this.#latest, second);
  }

  #slotOf(second: number): number {
    const { length } = this.#seconds;
    return ((second % length) + length) % length;
  }
}
