import { KeyLine, type LineState } from './key-line.ts';

/** So many lines are kept at the least, whoever uses them. */
const leastKept = 10_000;

/**
 * The line of each key. A key mostly comes again: its line is kept for a while, since a map whose members come and go
 * with each message leaves old tables behind.
 */
export class KeyLines implements Iterable<KeyLine> {
  readonly #most: number;
  readonly #lines = new Map<string, KeyLine>();

  /** @param inUse how many can be in use at once */
  constructor(inUse: number) {
    this.#most = leastKept + 2 * inUse;
  }

  find(key: string): KeyLine | undefined {
    return this.#lines.get(key);
  }

  of(key: string): KeyLine {
    const found = this.#lines.get(key);
    if (found !== undefined) return found;
    if (this.#lines.size >= this.#most) this.#sweep();
    const line = new KeyLine(key);
    this.#lines.set(key, line);
    return line;
  }

  inState(state: LineState): KeyLine[] {
    return [...this.#lines.values()].filter((line) => line.state === state);
  }

  [Symbol.iterator](): Iterator<KeyLine> {
    return this.#lines.values();
  }

  #sweep(): void {
    for (const [key, line] of this.#lines) if (line.state === 'free') this.#lines.delete(key);
  }
}
