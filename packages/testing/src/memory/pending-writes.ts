import type { Message } from './message.ts';
import type { QueueSurroundings } from './queue-surroundings.ts';

export interface Write {
  readonly message: Message;
  readonly onStored: (stored: boolean) => void;
}

/** What was published to a queue and is on its way to the disk, or to a majority. */
export class PendingWrites {
  readonly #around: Pick<QueueSurroundings, 'time' | 'writeMs'>;
  readonly #onDone: (writes: readonly Write[]) => void;
  #waiting: Write[] = [];
  /** How many have come to the disk. */
  #done = 0;

  /** @param onDone called with those that have come to the disk, in the order in which they came */
  constructor(around: Pick<QueueSurroundings, 'time' | 'writeMs'>, onDone: (writes: readonly Write[]) => void) {
    this.#around = around;
    this.#onDone = onDone;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(write: Write): void {
    const wait = this.#around.writeMs();
    this.#waiting.push(write);
    // Written in the order in which they came: a timer ends all that came before it as well.
    if (wait === 0) this.flush();
    else {
      const upTo = this.#done + this.#waiting.length;
      this.#around.time.after(wait, () => this.#finish(upTo - this.#done));
    }
  }

  /** All of them have come to the disk. */
  flush(): void {
    this.#finish(this.#waiting.length);
  }

  /** Takes them out: nobody knows what has become of them. */
  removeAll(): Write[] {
    return this.#waiting.splice(0);
  }

  #finish(count: number): void {
    const written = this.#waiting.splice(0, Math.max(0, count));
    this.#done += written.length; // before anybody is told, who may write again at once
    this.#onDone(written);
  }
}
