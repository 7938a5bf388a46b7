/** One acknowledgement as it goes to the broker. */
export interface Ack {
  readonly tag: number;
  /** True when it speaks for every delivery up to its tag. */
  readonly multiple: boolean;
}

/**
 * The deliveries of one channel that the broker still waits for, in the order of their tags, which only grow.
 *
 * What was settled since the last flush leaves with as few acknowledgements as are right: one `multiple` for the run
 * that begins at the oldest delivery, single ones for what lies behind an unsettled one.
 */
export class AckWindow {
  /** Every delivery that was neither acknowledged nor given back; true once it is settled. */
  readonly #deliveries = new Map<number, boolean>();
  #settled: number[] = [];

  /** Deliveries that the broker still waits for. */
  get size(): number {
    return this.#deliveries.size;
  }

  /** Deliveries that nobody has settled. */
  get unsettled(): number {
    return this.#deliveries.size - this.#settled.length;
  }

  delivered(tag: number): void {
    this.#deliveries.set(tag, false);
  }

  /** Marks a delivery to be acknowledged. False when it is not open: settled before, given back, or of another channel. */
  settle(tag: number): boolean {
    if (this.#deliveries.get(tag) !== false) return false;
    this.#deliveries.set(tag, true);
    this.#settled.push(tag);
    return true;
  }

  /** Takes a delivery out that the broker is told about in another way. False when it is not open. */
  remove(tag: number): boolean {
    if (this.#deliveries.get(tag) !== false) return false;
    return this.#deliveries.delete(tag);
  }

  /** What to acknowledge now, in the order in which it must be written. */
  flush(): Ack[] {
    if (this.#settled.length === 0) return [];
    const acks: Ack[] = [];
    let run: Ack | undefined;
    for (const [tag, isSettled] of this.#deliveries) {
      if (!isSettled) break;
      this.#deliveries.delete(tag);
      run = { tag, multiple: run !== undefined };
    }
    if (run !== undefined) acks.push(run);
    for (const tag of this.#settled) if (this.#deliveries.delete(tag)) acks.push({ tag, multiple: false });
    this.#settled = [];
    return acks;
  }
}
