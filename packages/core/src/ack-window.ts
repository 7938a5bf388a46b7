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
 * that begins at the oldest delivery, single ones for what lies behind an unsettled one. These in the order of their tags:
 * the broker looks for each from its oldest unacknowledged delivery onwards.
 */
export class AckWindow {
  /** Deliveries that were neither settled nor given back, oldest first. */
  readonly #open = new Set<number>();
  /** Those to acknowledge at the next flush, in the order in which they were settled. */
  #settled: number[] = [];

  /** Deliveries that the broker still waits for. */
  get size(): number {
    return this.#open.size + this.#settled.length;
  }

  /** Deliveries that nobody has settled. */
  get unsettled(): number {
    return this.#open.size;
  }

  /** Deliveries that nobody has settled, oldest first. */
  open(): readonly number[] {
    return [...this.#open];
  }

  delivered(tag: number): void {
    this.#open.add(tag);
  }

  /** Marks a delivery to be acknowledged. False when it is not open: settled before, given back, or of another channel. */
  settle(tag: number): boolean {
    if (!this.#open.delete(tag)) return false;
    this.#settled.push(tag);
    return true;
  }

  /** Takes a delivery out that the broker is told about in another way. False when it is not open. */
  remove(tag: number): boolean {
    return this.#open.delete(tag);
  }

  /** What to acknowledge now, in the order in which it must be written. */
  flush(): Ack[] {
    const settled = this.#settled;
    if (settled.length === 0) return [];
    this.#settled = [];
    const [oldestOpen = Number.POSITIVE_INFINITY] = this.#open;
    const singles: Ack[] = [];
    let last = 0;
    let run = 0;
    for (const tag of settled) {
      if (tag > oldestOpen) {
        singles.push({ tag, multiple: false });
      } else {
        last = Math.max(last, tag);
        run += 1;
      }
    }
    singles.sort((one, other) => one.tag - other.tag);
    return run === 0 ? singles : [{ tag: last, multiple: run > 1 }, ...singles];
  }
}
