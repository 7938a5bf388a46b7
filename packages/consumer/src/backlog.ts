/** What waits, oldest first. An array, since a `Set` that items pass through this fast is dear: see `Roster`. */
export class Backlog<T extends object> implements Iterable<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  get oldest(): T | undefined {
    return this.#items[this.#head];
  }

  /** 0 for the oldest. */
  at(index: number): T | undefined {
    return this.#items[this.#head + index];
  }

  add(item: T): void {
    this.#items.push(item);
  }

  /** Takes an item out; the oldest at no cost. */
  delete(item: T): void {
    if (item !== this.oldest) {
      const at = this.#items.indexOf(item, this.#head);
      if (at >= 0) this.#items.splice(at, 1);
      return;
    }
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head * 2 < this.#items.length) return;
    this.#items.splice(0, this.#head);
    this.#head = 0;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const item of this.#items.slice(this.#head)) if (item !== undefined) yield item;
  }
}
