import type { SequenceStore, SequenceTicket, TakenNumber } from '@surehop/core';

/** One sequence. */
interface Numbering {
  readonly run: string;
  last: number;
  /** Numbers that no stored message has, and whose they are. */
  readonly unused: Map<number, string>;
}

interface Known extends SequenceTicket {
  readonly numbering: Numbering;
}

/** Sequences, and message ids of all of them, that are known at once. */
const mostKnown = 100_000;

/**
 * Numbers in memory: a process that starts begins anew, in a numbering of its own. Of sequences that were not used for
 * long the oldest are forgotten; whoever goes on with one does so in another numbering, too.
 */
export class MemorySequenceStore implements SequenceStore {
  readonly #newId: () => string;
  readonly #most: number;
  readonly #sequences = new Map<string, Numbering>();
  readonly #known = new Map<string, Known>();

  constructor(newId: () => string, most: number = mostKnown) {
    this.#newId = newId;
    this.#most = most;
  }

  take(sequence: string, messageId: string): TakenNumber {
    const numbering = this.#numberingOf(sequence);
    const id = idIn(sequence, messageId);
    const before = this.#known.get(id);
    if (before?.numbering === numbering) {
      const isNew = numbering.unused.delete(before.number);
      return { run: before.run, number: before.number, isNew };
    }
    numbering.last += 1;
    const ticket = { run: numbering.run, number: numbering.last, numbering };
    this.#known.set(id, ticket);
    if (this.#known.size > this.#most) this.#forgetOldest();
    return { run: ticket.run, number: ticket.number, isNew: true };
  }

  notStored(sequence: string, messageId: string): void {
    const id = idIn(sequence, messageId);
    const known = this.#known.get(id);
    if (known === undefined) return;
    const { numbering, number } = known;
    numbering.unused.set(number, id);
    for (let last = numbering.unused.get(numbering.last); last !== undefined; ) {
      this.#known.delete(last);
      numbering.unused.delete(numbering.last);
      numbering.last -= 1;
      last = numbering.unused.get(numbering.last);
    }
  }

  #numberingOf(sequence: string): Numbering {
    const numbering = this.#sequences.get(sequence) ?? { run: this.#newId(), last: 0, unused: new Map() };
    this.#sequences.delete(sequence);
    this.#sequences.set(sequence, numbering);
    if (this.#sequences.size > this.#most) {
      const [oldest = sequence] = this.#sequences.keys();
      this.#sequences.delete(oldest);
    }
    return numbering;
  }

  #forgetOldest(): void {
    const [oldest] = this.#known;
    if (oldest === undefined) return;
    const [id, { numbering, number }] = oldest;
    this.#known.delete(id);
    numbering.unused.delete(number);
  }
}

function idIn(sequence: string, messageId: string): string {
  return `${messageId} ${sequence}`;
}
