import type { MemoryBroker } from '@surehop/testing/internal';
import { deadLetterQueue, type Scene, waitingQueue, workQueue } from './scene.ts';

/**
 * Watches where messages are handled in the order of their keys: none is started for the first time before all that are
 * before it in the queue, of its key, were handled to the end or are dead letters. After a loss a message may be handled
 * again, and so may those behind it.
 */
export class KeyOrder {
  readonly #scene: Scene;
  readonly #broker: MemoryBroker;
  readonly #started = new Set<string>();
  readonly #finished = new Set<string>();
  /** Keys that a handler is at work for, by process. */
  readonly #atWork = new Map<object, Set<number>>();

  constructor(scene: Scene, broker: MemoryBroker) {
    this.#scene = scene;
    this.#broker = broker;
  }

  /** Told of each call of a handler; returns what is to be called when that has returned. */
  started(process: object, id: string): () => void {
    const key = this.#keyOf(id);
    if (key === undefined) return () => undefined;
    const atWork = this.#atWork.get(process) ?? new Set();
    this.#atWork.set(process, atWork);
    if (atWork.has(key)) this.#scene.violate(`${id} was handled beside another message of its key`);
    atWork.add(key);
    if (!this.#started.has(id)) this.#begin(id, key);
    return () => atWork.delete(key);
  }

  #begin(id: string, key: number): void {
    this.#started.add(id);
    const dead = new Set(this.#idsIn(deadLetterQueue));
    for (const other of this.#before(id)) {
      if (this.#keyOf(other) !== key || this.#finished.has(other) || dead.has(other)) continue;
      this.#scene.violate(`${id} was handled before ${other}, which is before it in the queue`);
      return;
    }
    this.#scene.exercise('order: started in its turn');
  }

  /** Told of each handler that has done its work. */
  finished(id: string): void {
    this.#finished.add(id);
  }

  /**
   * What is before its first place: what was laid aside of a key comes before what the work queue has of it. And what
   * waits for a retry elsewhere, where nothing should.
   */
  *#before(id: string): Generator<string> {
    for (const other of [...this.#idsIn(waitingQueue), ...this.#idsIn(workQueue)]) {
      if (other === id) break;
      yield other;
    }
    for (const queue of this.#broker.queues()) {
      if (![workQueue, waitingQueue, deadLetterQueue].includes(queue)) yield* this.#idsIn(queue);
    }
  }

  #idsIn(queue: string): string[] {
    if (!this.#broker.queues().includes(queue)) return [];
    return this.#broker.messages(queue).map(({ properties }) => properties.messageId ?? '');
  }

  /** Undefined for strangers, and where there is no order. */
  #keyOf(id: string): number | undefined {
    const { keys = 0 } = this.#scene.plan;
    const [number] = /^\d+(?=\.)/.exec(id) ?? [];
    return keys === 0 || number === undefined ? undefined : Number(number) % keys;
  }
}
