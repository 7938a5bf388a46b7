/** Delivery tags of the notes of one message, by the process that has written them. */
type Notes = Map<string, number[]>;

/**
 * Which messages were at work when their process died: before one that is suspect is started, a note of it is stored beside
 * it, and taken away when it has come to an end.
 */
export class StartNotes {
  readonly #own: string;
  readonly #drop: (tag: number) => void;
  /** By the name of the copy that they are about. */
  readonly #all = new Map<string, Notes>();
  /** Those that this process has noted, and that have not come to an end. */
  readonly #begun = new Set<string>();

  /**
   * @param own names this process
   * @param drop takes one away
   */
  constructor(own: string, drop: (tag: number) => void) {
    this.#own = own;
    this.#drop = drop;
  }

  /** This process writes one. */
  begin(name: string): void {
    this.#begun.add(name);
  }

  /**
   * @param by the process that has written it
   * @param isThere whether its message may be there still
   */
  came(name: string, tag: number, by: string, isThere: boolean): void {
    if (by === this.#own ? !this.#begun.has(name) : !isThere) {
      this.#drop(tag);
      return;
    }
    const notes: Notes = this.#all.get(name) ?? new Map<string, number[]>();
    this.#all.set(name, notes);
    notes.set(by, [...(notes.get(by) ?? []), tag]);
  }

  /** Whether none is in hand. */
  get areNone(): boolean {
    return this.#all.size === 0;
  }

  /** How many other processes began and did not take their note away. */
  deathsOf(name: string): number {
    const notes = this.#all.get(name);
    if (notes === undefined) return 0;
    return notes.has(this.#own) ? notes.size - 1 : notes.size;
  }

  /** It has come to an end. */
  forget(name: string): void {
    const notes = this.#all.get(name);
    this.#begun.delete(name);
    this.#all.delete(name);
    for (const tags of notes?.values() ?? []) for (const tag of tags) this.#drop(tag);
  }

  /** This process lives, whatever it has begun. */
  forgetOwn(): void {
    for (const notes of this.#all.values()) {
      for (const tag of notes.get(this.#own) ?? []) this.#drop(tag);
      notes.delete(this.#own);
    }
  }

  /** Others are gone: they came to an end, and what said so of the note did not arrive. */
  forgetOthersThan(names: ReadonlyMap<string, unknown>): void {
    for (const name of [...this.#all.keys()]) if (!names.has(name)) this.forget(name);
  }
}
