import type { Remembered } from './remembered.ts';

/** What has a place in a sequence. */
export interface Numbered {
  /** 1 for the first. */
  readonly number: number;
  /** The same for every delivery of the same message. */
  readonly id: string;
}

/** What one that arrives is to its sequence. */
export type Arrival =
  /** It waits for its turn, which may be now. */
  | 'kept'
  /** The same message is kept, at work, or settled. */
  | 'duplicate'
  /** Another message has its number. */
  | 'taken'
  /** The sequence is past its number, and who had it is not known. */
  | 'passed';

/** Numbers that are missing, both ends included. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/**
 * One sequence, put back in order. Pure: no clock, no store.
 *
 *   arrive ──▶ kept ──take (it is the next, and none is at work)──▶ at work ──settled──▶ behind
 *               ▲                                                      │
 *               └──────────────────────── again ◀──────────────────────┘
 *
 * At most one is at work, and the next is taken only when that one is settled.
 */
export class Sequence<T extends Numbered> {
  readonly #name: string;
  readonly #remembered: Remembered;
  readonly #kept = new Map<number, T>();
  #atWork: T | undefined;
  #last: number | undefined;

  constructor(name: string, remembered: Remembered) {
    this.#name = name;
    this.#remembered = remembered;
  }

  /** The number up to which everything is settled or given up; undefined while it is not known where the sequence stands. */
  get last(): number | undefined {
    return this.#last;
  }

  /** How many wait. */
  get size(): number {
    return this.#kept.size;
  }

  get isIdle(): boolean {
    return this.#kept.size === 0 && this.#atWork === undefined;
  }

  /** The one that is to be taken next, if it is there and none is at work. */
  get next(): T | undefined {
    return this.#atWork === undefined ? this.#kept.get((this.#last ?? 0) + 1) : undefined;
  }

  /** What is missing before anything can be taken; undefined when nothing is, or one is at work. */
  get gap(): Gap | undefined {
    if (this.#atWork !== undefined || this.#kept.size === 0 || this.next !== undefined) return undefined;
    return { from: (this.#last ?? 0) + 1, to: lowest(this.#kept.keys()) - 1 };
  }

  arrive(one: T): Arrival {
    const { number, id } = one;
    const there = number === this.#atWork?.number ? this.#atWork : this.#kept.get(number);
    if (there !== undefined) return there.id === id ? 'duplicate' : 'taken';
    if (number > (this.#last ?? 0)) {
      this.#kept.set(number, one);
      return 'kept';
    }
    const known = this.#remembered.idOf(this.#name, number);
    if (known === undefined) return 'passed';
    return known === id ? 'duplicate' : 'taken';
  }

  /** Takes the next one to work. */
  take(): T | undefined {
    const { next } = this;
    if (next === undefined) return undefined;
    this.#kept.delete(next.number);
    this.#atWork = next;
    return next;
  }

  /** It is done with. False when it was not at work. */
  settled(one: T): boolean {
    if (one !== this.#atWork) return false;
    this.#atWork = undefined;
    this.#last = Math.max(one.number, this.#last ?? 0);
    this.#remembered.note(this.#name, one.number, one.id);
    return true;
  }

  /**
   * It is to be taken once more; where somebody else has settled its number meanwhile, it is not kept. Undefined when it
   * was not at work.
   */
  again(one: T): 'kept' | 'passed' | undefined {
    if (one !== this.#atWork) return undefined;
    this.#atWork = undefined;
    if (one.number <= (this.#last ?? 0)) return 'passed';
    this.#kept.set(one.number, one);
    return 'kept';
  }

  /** It is not here any more: what has its number may come again. */
  leave(one: T): void {
    if (one === this.#atWork) this.#atWork = undefined;
    else if (this.#kept.get(one.number) === one) this.#kept.delete(one.number);
  }

  /** Those that wait and satisfy the condition. */
  keptOf(condition: (one: T) => boolean): T[] {
    return [...this.#kept.values()].filter(condition);
  }

  /** @returns the one that is at work, if it satisfies the condition */
  atWorkOf(condition: (one: T) => boolean): T | undefined {
    return this.#atWork !== undefined && condition(this.#atWork) ? this.#atWork : undefined;
  }

  /**
   * Somebody else has come so far, or everything up to there is given up. Never goes back.
   *
   * @returns those that waited and are passed by that; they are not kept any more
   */
  reach(last: number): T[] {
    if (last <= (this.#last ?? -1)) return [];
    this.#last = last;
    const passed = this.keptOf(({ number }) => number <= last);
    for (const { number } of passed) this.#kept.delete(number);
    return passed;
  }
}

function lowest(numbers: Iterable<number>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const number of numbers) least = Math.min(least, number);
  return least;
}
