/** Where an item stands in a {@link LinkedList}: what `remove` takes. It belongs to one list, and to one time in it. */
export class Place<T> {
  readonly item: T;
  /** The list's own. */
  previous: Place<T> | undefined = undefined;
  /** The list's own. */
  next: Place<T> | undefined = undefined;

  constructor(item: T) {
    this.item = item;
  }
}

/**
 * Items in order, which come and go by the hundred thousand. Not a `Set`: the tables that a set outgrows become old, and
 * keep whatever was in them alive until the next full collection, which was a fifth of a publisher's CPU. A place that was
 * removed refers to nothing any more.
 */
export class LinkedList<T> {
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first?.item;
  }

  append(item: T): Place<T> {
    const place = new Place(item);
    place.previous = this.#last;
    if (this.#last === undefined) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
    this.#size += 1;
    return place;
  }

  /** Puts it before all others. */
  prepend(item: T): Place<T> {
    const place = new Place(item);
    place.next = this.#first;
    if (this.#first === undefined) this.#last = place;
    else this.#first.previous = place;
    this.#first = place;
    this.#size += 1;
    return place;
  }

  /** @param place of this list, not removed before */
  remove(place: Place<T>): void {
    const { previous, next } = place;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    place.previous = place.next = undefined;
    this.#size -= 1;
  }

  /** In order. The item that was given last may be removed meanwhile, others may not. */
  *[Symbol.iterator](): Iterator<T> {
    let place = this.#first;
    while (place !== undefined) {
      const { next } = place;
      yield place.item;
      place = next;
    }
  }
}
