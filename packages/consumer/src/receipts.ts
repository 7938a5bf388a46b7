/** How much of what was settled on a channel the broker is known to have read. */
export class Receipts {
  #settled = 0;
  #read = 0;

  /** Whether it has read all of it. */
  get areComplete(): boolean {
    return this.#read === this.#settled;
  }

  settled(): void {
    this.#settled += 1;
  }

  /**
   * @param ask something that the broker answers once it has read all that was sent before
   * @throws what `ask` throws: nothing is known then
   */
  async renew(ask: () => Promise<void>): Promise<void> {
    const settled = this.#settled;
    await ask();
    this.#read = Math.max(this.#read, settled);
  }
}
