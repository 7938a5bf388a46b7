/** The ids of what was settled of late, by sequence and number: a second message of the number is a duplicate only if it has the same. */
export class Remembered {
  readonly #ids = new Map<string, string>();
  readonly #most: number;

  /** @param most how many it keeps, of all sequences together */
  constructor(most: number) {
    this.#most = most;
  }

  note(sequence: string, number: number, id: string): void {
    this.#ids.set(`${number} ${sequence}`, id);
    if (this.#ids.size <= this.#most) return;
    for (const oldest of this.#ids.keys()) {
      this.#ids.delete(oldest);
      return;
    }
  }

  /** Undefined when it is not known, or not any more. */
  idOf(sequence: string, number: number): string | undefined {
    return this.#ids.get(`${number} ${sequence}`);
  }
}
