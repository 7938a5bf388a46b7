/**
 * Those at work now, each at a place of its own. Not a `Set`: one whose members come and go this fast leaves old tables
 * behind that keep the young garbage they point to alive, which was three quarters of what a message cost.
 */
export class Roster<T extends object> implements Iterable<T> {
  readonly #places: (T | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#places.length - this.#free.length;
  }

  /** Gives the place that it takes. */
  add(member: T): number {
    const place = this.#free.pop() ?? this.#places.length;
    this.#places[place] = member;
    return place;
  }

  /** @param place of a member, which has none afterwards */
  remove(place: number): void {
    this.#places[place] = undefined;
    this.#free.push(place);
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const member of this.#places) if (member !== undefined) yield member;
  }
}
