import { LinkedList, type Place } from '@surehop/core/internal';

export interface Bounds {
  readonly maxUnconfirmed: number;
  readonly maxUnconfirmedBytes: number;
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
}

/** Something with a weight, which must not change while it is held. */
export interface Weighted {
  readonly bytes: number;
  /** The admission's own: where it stands; a place is one in the queue. */
  standing: 'parked' | 'admitted' | Place<unknown> | undefined;
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
  readonly #queue = new LinkedList<T>();
  #admitted = 0;
  #parked = 0;
  #admittedBytes = 0;
  #waitingBytes = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  get unconfirmed(): number {
    return this.#admitted;
  }

  /** Parked and queued. */
  get waiting(): number {
    return this.#parked + this.#queue.size;
  }

  /** Takes a place among those who wait, for something other than room. False when there is none. */
  park(item: T): boolean {
    if (!this.#mayWait(item)) return false;
    item.standing = 'parked';
    this.#parked += 1;
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
    if (item.standing !== 'parked' && !this.#mayWait(item)) return 'full';
    this.leave(item);
    item.standing = this.#queue.append(item);
    this.#waitingBytes += item.bytes;
    return 'queued';
  }

  /** Gives up whatever place it has. */
  leave(item: T): void {
    const { standing, bytes } = item;
    item.standing = undefined;
    if (standing === 'admitted') {
      this.#admitted -= 1;
      this.#admittedBytes -= bytes;
    } else if (standing !== undefined) {
      if (standing === 'parked') this.#parked -= 1;
      else this.#queue.remove(standing as Place<T>);
      this.#waitingBytes -= bytes;
    }
  }

  /** Lets the first of the queue in, when there is room for it. Ask again until there is none, after every `leave`. */
  admitNext(): T | undefined {
    const item = this.#queue.first;
    if (item === undefined || !this.#hasRoom(item)) return undefined;
    this.leave(item);
    this.#admit(item);
    return item;
  }

  #admit(item: T): void {
    item.standing = 'admitted';
    this.#admitted += 1;
    this.#admittedBytes += item.bytes;
  }

  #hasRoom({ bytes }: T): boolean {
    if (this.#admitted === 0) return true;
    const { maxUnconfirmed, maxUnconfirmedBytes } = this.#bounds;
    return this.#admitted < maxUnconfirmed && this.#admittedBytes + bytes <= maxUnconfirmedBytes;
  }

  #mayWait({ bytes }: T): boolean {
    if (this.waiting === 0) return true;
    const { maxWaiting, maxWaitingBytes } = this.#bounds;
    return this.waiting < maxWaiting && this.#waitingBytes + bytes <= maxWaitingBytes;
  }
}
