/** Delivery tags of the notes of one message: other processes' and our own. */
interface Notes {
  readonly others: number[];
  readonly own: number[];
}

/**
 * Which messages were at work when their process died: before one that is suspect is started, a note of it is stored beside
 * it, and taken away when it has come to an end.
 */
export class StartNotes {
  /** By the name of the copy that they are about. */
  readonly #all = new Map<string, Notes>();

  add(name: string, tag: number, isOwn: boolean): void {
    const notes = this.#all.get(name) ?? { others: [], own: [] };
    this.#all.set(name, notes);
    (isOwn ? notes.own : notes.others).push(tag);
  }

  /** How many other processes began and did not take their note away. */
  deathsOf(name: string): number {
    return this.#all.get(name)?.others.length ?? 0;
  }

  take(name: string): readonly number[] {
    const { others, own } = this.#all.get(name) ?? { others: [], own: [] };
    this.#all.delete(name);
    return [...others, ...own];
  }

  /** Takes those of messages that are gone: they came to an end, and what said so of the note did not arrive. */
  takeOthersThan(names: ReadonlySet<string>): readonly number[] {
    return [...this.#all.keys()].filter((name) => !names.has(name)).flatMap((name) => this.take(name));
  }
}
