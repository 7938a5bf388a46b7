import type { QueueConsumer } from './queue-consumer.ts';

/** The consumers of a queue, and who of them is next: each in turn, or the one that is active until it is gone. */
export class QueueConsumers {
  readonly #isSingleActive: boolean;
  #all: QueueConsumer[] = [];

  constructor(isSingleActive: boolean) {
    this.#isSingleActive = isSingleActive;
  }

  get size(): number {
    return this.#all.length;
  }

  add(consumer: QueueConsumer): void {
    this.#all.push(consumer);
  }

  remove(consumer: QueueConsumer): void {
    this.#all = this.#all.filter((one) => one !== consumer);
  }

  removeAll(): QueueConsumer[] {
    return this.#all.splice(0);
  }

  /** Who takes the next message; undefined when nobody can. */
  next(): QueueConsumer | undefined {
    const [first] = this.#all;
    // One that waits gets nothing, however long the active one is full.
    if (this.#isSingleActive) return first?.hasCredit === true ? first : undefined;
    const index = this.#all.findIndex(({ hasCredit }) => hasCredit);
    if (index < 0) return undefined;
    const [consumer] = this.#all.splice(index, 1);
    if (consumer !== undefined) this.#all.push(consumer);
    return consumer;
  }
}
