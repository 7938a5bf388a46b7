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
  /** Deliveries that were neither settled nor given back, oldest first, and whether they are about to be settled. */
  readonly #open = new Map<number, boolean>();
  /** Of the open ones, how many are about to be settled. */
  #closing = 0;
  /** Those to acknowledge, in the order in which they were settled. */
  #settled: number[] = [];

  /** Deliveries that the broker still waits for. */
  get size(): number {
    return this.#open.size + this.#settled.length;
  }

  /** Deliveries that were settled and not acknowledged. */
  get unacknowledged(): number {
    return this.#settled.length;
  }

  /** Deliveries that nobody has settled. */
  get unsettled(): number {
    return this.#open.size;
  }

  /** Deliveries that nobody has settled, oldest first. */
  open(): readonly number[] {
    return [...this.#open.keys()];
  }

  /** Whether so many open deliveries are about to be settled, and half of all. */
  areClosing(fewest: number): boolean {
    return this.#closing >= fewest && 2 * this.#closing >= this.#open.size;
  }

  delivered(tag: number): void {
    this.#open.set(tag, false);
  }

  /** Says that an open delivery will be settled within moments. */
  closing(tag: number): void {
    if (this.#open.get(tag) !== false) return;
    this.#open.set(tag, true);
    this.#closing += 1;
  }

  /** Marks a delivery to be acknowledged. False when it is not open: settled before, given back, or of another channel. */
  settle(tag: number): boolean {
    if (!this.remove(tag)) return false;
    this.#settled.push(tag);
    return true;
  }

  /** Takes a delivery out that the broker is told about in another way. False when it is not open. */
  remove(tag: number): boolean {
    if (this.#open.get(tag) === true) this.#closing -= 1;
    return this.#open.delete(tag);
  }

  /**
   * What to acknowledge now, in the order in which it must be written.
   *
   * @param mostBehind where the oldest open delivery is about to be settled, and half of the open ones are, so many wait
   *   for it, to leave with its run
   */
  flush(mostBehind = 0): Ack[] {
    const settled = this.#settled;
    if (settled.length === 0) return [];
    const [[oldestOpen, isClosing] = noneOpen] = this.#open;
    const behind: number[] = [];
    let last = 0;
    for (const tag of settled) {
      if (tag > oldestOpen) behind.push(tag);
      else last = Math.max(last, tag);
    }
    const inRun = settled.length - behind.length;
    const acks: Ack[] = inRun === 0 ? [] : [{ tag: last, multiple: inRun > 1 }];
    this.#settled = [];
    if (isClosing && this.areClosing(1) && behind.length <= mostBehind) {
      this.#settled = behind;
      return acks;
    }
    behind.sort((one, other) => one - other);
    for (const tag of behind) acks.push({ tag, multiple: false });
    return acks;
  }
}

const noneOpen: readonly [number, boolean] = [Number.POSITIVE_INFINITY, false];
