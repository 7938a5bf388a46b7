export interface Bounds {
  readonly maxUnconfirmed: number;
  readonly maxUnconfirmedBytes: number;
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
}

/** Something with a weight. It must not change while it is held. */
export interface Weighted {
  readonly bytes: number;
}

/**
 * Who may be on the way now, who waits, and who finds no place: the bounds of a publisher's memory.
 *
 *   park ──▶ parked ──enter──▶ queued ──admitNext──▶ admitted
 *               (waits for something else)  (waits for room)
 *   leave: from anywhere
 *
 * The queue is one FIFO: nobody overtakes, not even a small one that would fit. One item that is larger than a bound of
 * bytes passes alone, or it could never pass.
 */
export class Admission<T extends Weighted> {
  readonly #bounds: Bounds;
  readonly #admitted = new Set<T>();
  readonly #parked = new Set<T>();
  readonly #queue = new Set<T>();
  #admittedBytes = 0;
  #waitingBytes = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  get unconfirmed(): number {
    return this.#admitted.size;
  }

  /** Parked and queued. */
  get waiting(): number {
    return this.#parked.size + this.#queue.size;
  }

  /** Takes a place among those who wait, for something other than room. False when there is none. */
  park(item: T): boolean {
    if (!this.#mayWait(item)) return false;
    this.#parked.add(item);
    this.#waitingBytes += item.bytes;
    return true;
  }

  /** Lets it in, or queues it behind those who came before. Whoever is parked already has a place to wait. */
  enter(item: T): 'admitted' | 'queued' | 'full' {
    if (this.#queue.size === 0 && this.#hasRoom(item)) {
      this.leave(item);
      this.#admit(item);
      return 'admitted';
    }
    if (this.#parked.delete(item)) {
      this.#queue.add(item);
      return 'queued';
    }
    if (!this.#mayWait(item)) return 'full';
    this.#queue.add(item);
    this.#waitingBytes += item.bytes;
    return 'queued';
  }

  /** Gives up whatever place it has. */
  leave(item: T): void {
    if (this.#admitted.delete(item)) this.#admittedBytes -= item.bytes;
    else if (this.#queue.delete(item) || this.#parked.delete(item)) this.#waitingBytes -= item.bytes;
  }

  /** Lets the first of the queue in, when there is room for it. Ask again until there is none, after every `leave`. */
  admitNext(): T | undefined {
    for (const item of this.#queue) {
      if (!this.#hasRoom(item)) return undefined;
      this.leave(item);
      this.#admit(item);
      return item;
    }
    return undefined;
  }

  #admit(item: T): void {
    this.#admitted.add(item);
    this.#admittedBytes += item.bytes;
  }

  #hasRoom({ bytes }: T): boolean {
    if (this.#admitted.size === 0) return true;
    const { maxUnconfirmed, maxUnconfirmedBytes } = this.#bounds;
    return this.#admitted.size < maxUnconfirmed && this.#admittedBytes + bytes <= maxUnconfirmedBytes;
  }

  #mayWait({ bytes }: T): boolean {
    if (this.waiting === 0) return true;
    const { maxWaiting, maxWaitingBytes } = this.#bounds;
    return this.waiting < maxWaiting && this.#waitingBytes + bytes <= maxWaitingBytes;
  }
}
