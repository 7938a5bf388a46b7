/**
 * What was written to one channel and is not confirmed yet, by sequence number.
 *
 * Sequence numbers only grow, so a `Map` is in their order: a `multiple` confirm takes from its front,
 * a single one takes from anywhere, and nothing is left behind whatever order the confirms come in.
 */
export class ConfirmLedger<T> {
  readonly #written = new Map<number, T>();

  get size(): number {
    return this.#written.size;
  }

  add(sequence: number, entry: T): void {
    this.#written.set(sequence, entry);
  }

  /** Takes out what this confirm settles, oldest first. A number that is not there settles nothing. */
  settle(sequence: number, multiple: boolean): T[] {
    if (!multiple) {
      const entry = this.#written.get(sequence);
      if (entry === undefined) return [];
      this.#written.delete(sequence);
      return [entry];
    }
    const settled: T[] = [];
    for (const [written, entry] of this.#written) {
      if (written > sequence) break;
      settled.push(entry);
      this.#written.delete(written);
    }
    return settled;
  }

  /** The entry that waits longest. */
  oldest(): T | undefined {
    for (const entry of this.#written.values()) return entry;
    return undefined;
  }

  /** Everything still unconfirmed, in the order it was written; the ledger is empty afterwards. */
  drain(): T[] {
    const entries = [...this.#written.values()];
    this.#written.clear();
    return entries;
  }
}
