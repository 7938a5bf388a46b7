import type { BrokerTime } from './broker-time.ts';

/** Gathers the confirms of a channel: what was stored by the end of a turn goes out with as few frames as possible. */
export class Confirms {
  readonly #time: BrokerTime;
  readonly #send: (sequence: number, multiple: boolean, stored: boolean) => void;
  /** Not told yet, in order; whether it is stored, once that is known. */
  readonly #open = new Map<number, boolean | undefined>();
  #isDue = false;
  #isOver = false;

  constructor(time: BrokerTime, send: (sequence: number, multiple: boolean, stored: boolean) => void) {
    this.#time = time;
    this.#send = send;
  }

  expect(sequence: number): void {
    this.#open.set(sequence, undefined);
  }

  note(sequence: number, stored: boolean): void {
    this.#open.set(sequence, stored);
    if (this.#isDue) return;
    this.#isDue = true;
    this.#time.after(0, () => this.#flush());
  }

  /** Nobody is told any more. */
  end(): void {
    this.#isOver = true;
  }

  #flush(): void {
    this.#isDue = false;
    if (this.#isOver) return;
    let run: number | undefined;
    let covered = 0;
    const single: [number, boolean][] = [];
    let isRun = true;
    for (const [sequence, stored] of this.#open) {
      if (isRun && stored === true) {
        run = sequence;
        covered += 1;
      } else {
        isRun = false;
        if (stored !== undefined) single.push([sequence, stored]);
      }
      if (stored !== undefined) this.#open.delete(sequence);
    }
    if (run !== undefined) this.#send(run, covered > 1, true);
    for (const [sequence, stored] of single) this.#send(sequence, false, stored);
  }
}
