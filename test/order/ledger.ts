/** One message of a key. Those of a key are published in the order of their steps, from 0 on. */
export interface Step {
  readonly key: string;
  readonly step: number;
}

/** What a handler did with a message. */
export interface Mark extends Step {
  readonly event: 'started' | 'failed' | 'done';
  readonly attempt: number;
  readonly atMs: number;
}

interface Line {
  readonly started: Set<number>;
  readonly done: Set<number>;
  readonly all: number[];
  /** The first one that is not at its end. */
  next: number;
}

/** What became of each message, whoever handled it. */
export class Ledger {
  readonly marks: Mark[] = [];
  /** Messages that were handled for the first time before all earlier ones of their key had come to an end. */
  readonly overtakers: string[] = [];
  readonly #lines = new Map<string, Line>();

  note(mark: Mark): void {
    this.marks.push(mark);
    const { event, key, step } = mark;
    const line = this.#lineOf(key);
    if (event === 'done') {
      line.all.push(step);
      this.ended(mark);
    }
    if (event !== 'started' || line.started.has(step)) return;
    line.started.add(step);
    if (step > line.next) this.overtakers.push(`${key}.${step} before ${key}.${line.next}`);
  }

  /** Handled, or a dead letter. */
  ended({ key, step }: Step): void {
    const line = this.#lineOf(key);
    line.done.add(step);
    while (line.done.has(line.next)) line.next += 1;
  }

  /** The steps of a key as they were handled, repetitions included. */
  handled(key: string): readonly number[] {
    return this.#lineOf(key).all;
  }

  /** The same without repetitions. */
  first(key: string): number[] {
    return [...new Set(this.handled(key))];
  }

  /** How many messages of these keys have come to an end. */
  count(keys: readonly string[]): number {
    return keys.reduce((sum, key) => sum + this.#lineOf(key).done.size, 0);
  }

  /** What was noted of one message. */
  of(key: string, step: number, event: Mark['event']): Mark[] {
    return this.marks.filter((mark) => mark.key === key && mark.step === step && mark.event === event);
  }

  #lineOf(key: string): Line {
    const line = this.#lines.get(key) ?? { started: new Set(), done: new Set(), all: [], next: 0 };
    this.#lines.set(key, line);
    return line;
  }
}
