import assert from 'node:assert/strict';
import { createConsumer } from '@surehop/consumer';
import { connect, createPublisher, defineQueue, type QueueContract } from '@surehop/publisher';
import { eventually } from '@surehop/testing';
import type { Figures } from './figures.ts';
import { drained, remainingIn } from './remaining.ts';
import { type Assignment, type Order, Replica } from './replica.ts';
import type { Stage } from './stage.ts';
import { Watch } from './watch.ts';

export interface FleetOptions extends Partial<Pick<Assignment, 'url' | 'contract' | 'connect' | 'workMs'>> {
  readonly consumer?: Assignment['consumer'];
}

const queue = 'work';
/** Of each order. */
const deadlineMs = 10_000;

/** Replicas of one consuming service, each a process of its own that is started again when it dies, and its orders. */
export class Fleet implements AsyncDisposable {
  readonly watch = new Watch();
  readonly #stage: Stage;
  #assignment: Assignment;
  readonly #contract: QueueContract<Order>;
  readonly #running = new Set<Replica>();
  readonly #replicas: Promise<void>[] = [];
  #isOver = false;
  #deaths = 0;
  /** Exit codes, other than 0, of those that nobody has killed: a rejection that nobody handles ends a process with 1. */
  readonly #crashes: number[] = [];

  constructor(stage: Stage, { contract, consumer = {}, workMs = 20, ...options }: FleetOptions) {
    this.#stage = stage;
    const described = { type: stage.type, retry: { delaysMs: [200, 1_000] }, ...contract };
    this.#contract = defineQueue<Order>(queue, described);
    const url = stage.vhost.url();
    this.#assignment = { url, queue, contract: described, consumer, workMs, ...options };
  }

  /** Processes that ended although nobody had closed them in order. */
  get deaths(): number {
    return this.#deaths;
  }

  get running(): readonly Replica[] {
    return [...this.#running];
  }

  /** Declares the queue and has these orders stored in it, before anybody consumes. */
  async order(orders: readonly Order[]): Promise<void> {
    const { vhost, log } = this.#stage;
    const rabbit = await connect({ url: vhost.url(), name: 'ordering', log });
    try {
      // Declares all of it, so that the processes find it and none of it is younger than the orders.
      await (await createConsumer(rabbit, this.#contract, () => undefined)).close();
      const publisher = createPublisher(rabbit);
      const publish = async (order: Order): Promise<void> => {
        const messageId = String(order.number);
        this.watch.published(messageId, deadlineMs);
        await publisher.publish(this.#contract, order, { messageId, deadlineMs });
        this.watch.resolvedTo(messageId);
      };
      await Promise.all(orders.map(publish));
    } finally {
      await rabbit.close();
    }
  }

  /** Starts so many replicas. What dies is replaced, until the end. */
  start(replicas: number): void {
    for (let started = 0; started < replicas; started += 1) this.#replicas.push(this.#keepUp());
  }

  /** From now on, those that are started are of a version that survives what kills the others. */
  mend(): void {
    this.#assignment = { ...this.#assignment, survives: true };
  }

  /** Until none of the orders is left but in the dead-letter queue. */
  drains(timeoutMs: number): Promise<void> {
    return drained(this.#stage.vhost, timeoutMs);
  }

  /** A replica that has called so many handlers. */
  atWork(started: number): Promise<Replica> {
    return eventually(() => {
      for (const replica of this.#running) if (replica.started >= started) return replica;
      throw new Error(`no replica has begun with ${started} messages`);
    }, 20_000);
  }

  /**
   * Ends the processes, and adds up.
   *
   * @throws {AssertionError} one of them has crashed; it would have been replaced, and nobody have noticed
   */
  async finish(): Promise<Figures> {
    await this.close();
    assert.deepEqual(this.#crashes, [], 'processes have crashed; what they wrote of it is on standard error');
    return this.watch.figures(await remainingIn(this.#stage.vhost, this.watch));
  }

  /** Ids in the dead-letter queue. */
  deadLetters(): Promise<string[]> {
    return this.#stage.vhost.messageIds(`${queue}.dead-letter`);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    for (const service of this.#running) service.kill('SIGTERM');
    await Promise.all(this.#replicas);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    for (const service of this.#running) service.kill('SIGKILL');
    return Promise.all(this.#replicas).then(() => undefined);
  }

  async #keepUp(): Promise<void> {
    while (!this.#isOver) {
      const service = new Replica(this.#assignment, this.watch);
      this.#running.add(service);
      const code = await service.ended;
      this.#running.delete(service);
      if (code !== null && code !== 0) this.#crashes.push(code);
      if (!service.hasClosed && !this.#isOver) this.#deaths += 1;
    }
  }
}
