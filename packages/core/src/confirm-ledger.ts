/** Places at first; doubled while more than a quarter of them is taken. */
const smallest = 256;

/**
 * What was written to one channel and is not confirmed yet, by sequence number.
 *
 * Sequence numbers only grow, so a ring holds them: each has its place by its number. Entries that stay behind, while
 * thousands of later ones are confirmed, are moved to a map, or the ring would grow without bound for one of them.
 */
export class ConfirmLedger<T> {
  /** Its length is a power of two. */
  #ring: (T | undefined)[] = new Array<T | undefined>(smallest).fill(undefined);
  /** The oldest number that may be in the ring. */
  #first = 1;
  /** The number after the latest. */
  #next = 1;
  #inRing = 0;
  /** In their order, all older than the ring. */
  readonly #late = new Map<number, T>();

  get size(): number {
    return this.#inRing + this.#late.size;
  }

  /** @param sequence larger than all before, until `drain` */
  add(sequence: number, entry: T): void {
    if (this.#inRing === 0) this.#first = sequence;
    while (sequence - this.#first >= this.#ring.length) this.#makeRoom();
    this.#ring[sequence & (this.#ring.length - 1)] = entry;
    this.#next = sequence + 1;
    this.#inRing += 1;
  }

  /** Takes out what this confirm settles, oldest first. A number that is not there settles nothing. */
  settle(sequence: number, multiple: boolean, onSettled: (entry: T) => void): void {
    if (this.#late.size > 0) this.#settleLate(sequence, multiple, onSettled);
    if (multiple) {
      while (this.#first <= sequence && this.#first < this.#next) this.#settleOne(this.#first++, onSettled);
    } else if (sequence >= this.#first && sequence < this.#next) {
      this.#settleOne(sequence, onSettled);
    }
    this.#skip();
  }

  /** The entry that waits longest. */
  oldest(): T | undefined {
    for (const entry of this.#late.values()) return entry;
    return this.#inRing === 0 ? undefined : this.#ring[this.#first & (this.#ring.length - 1)];
  }

  /** Everything still unconfirmed, in the order it was written; the ledger is empty afterwards, and numbers begin anew. */
  drain(): T[] {
    const entries = [...this.#late.values()];
    this.#late.clear();
    for (let one = this.#first; one < this.#next; one += 1) {
      const entry = this.#take(one);
      if (entry !== undefined) entries.push(entry);
    }
    this.#first = this.#next = 1;
    return entries;
  }

  #settleLate(sequence: number, multiple: boolean, onSettled: (entry: T) => void): void {
    if (!multiple) {
      const entry = this.#late.get(sequence);
      if (entry !== undefined && this.#late.delete(sequence)) onSettled(entry);
      return;
    }
    for (const [written, entry] of this.#late) {
      if (written > sequence) return;
      this.#late.delete(written);
      onSettled(entry);
    }
  }

  #settleOne(sequence: number, onSettled: (entry: T) => void): void {
    const entry = this.#take(sequence);
    if (entry !== undefined) onSettled(entry);
  }

  #take(sequence: number): T | undefined {
    const place = sequence & (this.#ring.length - 1);
    const entry = this.#ring[place];
    if (entry === undefined) return undefined;
    this.#ring[place] = undefined;
    this.#inRing -= 1;
    return entry;
  }

  /** The oldest number is one that is there. */
  #skip(): void {
    const mask = this.#ring.length - 1;
    while (this.#first < this.#next && this.#ring[this.#first & mask] === undefined) this.#first += 1;
  }

  #makeRoom(): void {
    if (this.#inRing > this.#ring.length / 4) {
      this.#grow();
      return;
    }
    const entry = this.#take(this.#first);
    if (entry !== undefined) this.#late.set(this.#first, entry);
    this.#first += 1;
    this.#skip();
  }

  #grow(): void {
    const before = this.#ring;
    const { length } = before;
    this.#ring = new Array<T | undefined>(length * 2).fill(undefined);
    for (let one = this.#first; one < this.#next; one += 1) {
      this.#ring[one & (length * 2 - 1)] = before[one & (length - 1)];
    }
  }
}
