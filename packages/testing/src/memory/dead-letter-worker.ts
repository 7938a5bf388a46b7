import type { Message } from './message.ts';
import type { MessageTarget, QueueSurroundings } from './queue-surroundings.ts';

/** How many it has in hand at once; as many that nobody takes stop all others. */
const prefetch = 32;
/** How long it waits before it tries again, in milliseconds. */
const retryMs = 180_000;

/** Moves what died in a quorum queue at least once: it lets go of a message only when its next queues have it. */
export class DeadLetterWorker {
  readonly #around: QueueSurroundings;
  readonly #waiting: Message[] = [];
  readonly #inHand = new Set<Message>();
  #isStopped = false;

  constructor(around: QueueSurroundings) {
    this.#around = around;
  }

  /** Messages that neither can be fetched nor have arrived. */
  get size(): number {
    return this.#waiting.length + this.#inHand.size;
  }

  add(message: Message): void {
    this.#waiting.push(message);
    this.#next();
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting.length = 0;
    this.#inHand.clear();
  }

  /** What was in hand is not forgotten; whether it has arrived meanwhile is. */
  crash(): void {
    this.#isStopped = true;
    this.#waiting.unshift(...this.#inHand);
    this.#inHand.clear();
  }

  restart(): void {
    this.#isStopped = false;
    this.#next();
  }

  #next(): void {
    while (!this.#isStopped && this.#inHand.size < prefetch) {
      const message = this.#waiting.shift();
      if (message === undefined) return;
      this.#inHand.add(message);
      this.#send(message, undefined);
    }
  }

  /** @param missing those that have not got it yet; undefined at first */
  #send(message: Message, missing: readonly MessageTarget[] | undefined): void {
    const { time } = this.#around;
    const targets = missing ?? this.#around.targetsOf(message);
    const refused: MessageTarget[] = [];
    let left = targets.length;
    const again = (): void => {
      time.after(retryMs, () => {
        // One that was deleted meanwhile is looked for anew.
        const missing = refused.filter(({ isDeleted }) => !isDeleted);
        this.#send(message, missing.length > 0 ? missing : undefined);
      });
    };
    if (left === 0) again();
    for (const queue of targets) {
      queue.enqueue(message, (stored) => {
        if (!stored) refused.push(queue);
        left -= 1;
        if (left > 0) return;
        if (refused.length > 0) again();
        else {
          this.#inHand.delete(message);
          this.#next();
        }
      });
    }
  }
}
