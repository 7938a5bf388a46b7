/** Places at first; doubled while more than a quarter of them is taken. */
const smallest = 256;
/** Of an id, UTF-16 units. */
const hashedUnits = 8;

export interface Identified {
  readonly messageId: string;
}

/**
 * What was written to one channel and is not confirmed yet, by sequence number, and by message id.
 *
 * Sequence numbers only grow, so a ring holds them: each has its place by its number. Entries that stay behind, while
 * thousands of later ones are confirmed, are moved to a map, or the ring would grow without bound for one of them.
 *
 * Ids are found through numbers too, by their hash: what a `Map` of them costs in garbage is a tenth of a publisher's CPU.
 */
export class ConfirmLedger<T extends Identified> {
  /** Its length is a power of two. */
  #ring: (T | undefined)[] = new Array<T | undefined>(smallest).fill(undefined);
  /** By the hash of an id, the latest number with it; 0 is none. */
  #latest = new Float64Array(2 * smallest);
  /** By place in the ring, the number before it with the same hash. Numbers older than the ring end a row of them. */
  #before = new Float64Array(smallest);
  /** The oldest number that may be in the ring. */
  #first = 1;
  /** The number after the latest. */
  #next = 1;
  #inRing = 0;
  /** In their order, all older than the ring. */
  readonly #late = new Map<number, T>();
  readonly #lateById = new Map<string, T>();

  get size(): number {
    return this.#inRing + this.#late.size;
  }

  /** @param sequence larger than all before, until `drain` */
  add(sequence: number, entry: T): void {
    if (this.#inRing === 0) this.#first = sequence;
    while (sequence - this.#first >= this.#ring.length) this.#makeRoom();
    this.#ring[sequence & (this.#ring.length - 1)] = entry;
    this.#index(sequence, entry);
    this.#next = sequence + 1;
    this.#inRing += 1;
  }

  /** The entry with this message id. */
  byId(messageId: string): T | undefined {
    const mask = this.#ring.length - 1;
    let sequence = this.#latest[hashOf(messageId) & (this.#latest.length - 1)] as number;
    while (sequence >= this.#first) {
      const entry = this.#ring[sequence & mask];
      if (entry !== undefined && entry.messageId === messageId) return entry;
      sequence = this.#before[sequence & mask] as number;
    }
    return this.#lateById.size === 0 ? undefined : this.#lateById.get(messageId);
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
    this.#lateById.clear();
    for (let one = this.#first; one < this.#next; one += 1) {
      const entry = this.#take(one);
      if (entry !== undefined) entries.push(entry);
    }
    this.#first = this.#next = 1;
    this.#latest.fill(0);
    return entries;
  }

  #index(sequence: number, { messageId }: T): void {
    const hash = hashOf(messageId) & (this.#latest.length - 1);
    this.#before[sequence & (this.#ring.length - 1)] = this.#latest[hash] as number;
    this.#latest[hash] = sequence;
  }

  #settleLate(sequence: number, multiple: boolean, onSettled: (entry: T) => void): void {
    if (!multiple) {
      const entry = this.#late.get(sequence);
      if (entry !== undefined) this.#settleOneLate(sequence, entry, onSettled);
      return;
    }
    for (const [written, entry] of this.#late) {
      if (written > sequence) return;
      this.#settleOneLate(written, entry, onSettled);
    }
  }

  #settleOneLate(sequence: number, entry: T, onSettled: (entry: T) => void): void {
    this.#late.delete(sequence);
    this.#lateById.delete(entry.messageId);
    onSettled(entry);
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
    if (entry !== undefined) {
      this.#late.set(this.#first, entry);
      this.#lateById.set(entry.messageId, entry);
    }
    this.#first += 1;
    this.#skip();
  }

  #grow(): void {
    const before = this.#ring;
    const { length } = before;
    this.#ring = new Array<T | undefined>(length * 2).fill(undefined);
    this.#latest = new Float64Array(length * 4);
    this.#before = new Float64Array(length * 2);
    for (let one = this.#first; one < this.#next; one += 1) {
      const entry = before[one & (length - 1)];
      this.#ring[one & (length * 2 - 1)] = entry;
      if (entry !== undefined) this.#index(one, entry);
    }
  }
}

/** Of its end: ids begin alike, with a time or a name. */
function hashOf(id: string): number {
  let hash = id.length;
  for (let index = Math.max(0, id.length - hashedUnits); index < id.length; index += 1) {
    hash = (Math.imul(hash, 31) + id.charCodeAt(index)) | 0;
  }
  return hash;
}
