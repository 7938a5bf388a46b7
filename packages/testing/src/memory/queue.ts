import type { Cancel } from '@surehop/core/internal';
import { DeadLetterWorker } from './dead-letter-worker.ts';
import { deadLettered } from './death.ts';
import { KeptBack } from './kept-back.ts';
import type { DeathReason, Entry, Message } from './message.ts';
import { PendingWrites, type Write } from './pending-writes.ts';
import { type Held, isFailure, type QueueConsumer, type ReturnWay } from './queue-consumer.ts';
import { QueueConsumers } from './queue-consumers.ts';
import type { QueueSettings } from './queue-settings.ts';
import type { MessageTarget, QueueSurroundings } from './queue-surroundings.ts';

interface Taken {
  /** Undefined for one that was fetched by `get`. */
  readonly consumer: QueueConsumer | undefined;
  readonly at: number;
}

/** A durable queue, quorum or classic, with all that happens to a message in it. */
export class Queue implements MessageTarget {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly #around: QueueSurroundings;
  readonly #worker: DeadLetterWorker;
  readonly #keptBack: KeptBack;
  #settings: QueueSettings;
  #order = 0;
  readonly #writes: PendingWrites;
  readonly #ready: Entry[] = [];
  /** Delivered and not settled, the longest ago first. */
  readonly #taken = new Map<Entry, Taken>();
  readonly #consumers: QueueConsumers;
  #cancelExpiry: Cancel | undefined;
  #cancelTimeout: Cancel | undefined;
  /** When that timer is due; undefined when there is none. */
  #timeoutAt: number | undefined;
  #isDeleted = false;

  constructor(
    name: string,
    args: Readonly<Record<string, unknown>>,
    settings: QueueSettings,
    around: QueueSurroundings,
  ) {
    this.name = name;
    this.arguments = args;
    this.#settings = settings;
    this.#consumers = new QueueConsumers(args['x-single-active-consumer'] === true);
    this.#around = around;
    this.#writes = new PendingWrites(around, (writes) => this.#store(writes));
    this.#worker = new DeadLetterWorker(around);
    this.#keptBack = new KeptBack(around.time, (entry) => {
      this.#putBack(entry);
      this.dispatch();
    });
  }

  get settings(): QueueSettings {
    return this.#settings;
  }

  get ready(): readonly Entry[] {
    return this.#ready;
  }

  /** Everything that it holds, those included that wait for the queue they are dead-lettered to. */
  get entries(): readonly Entry[] {
    return [...this.#taken.keys(), ...this.#ready, ...this.#keptBack.entries].toSorted(
      (one, other) => one.order - other.order,
    );
  }

  get isDeleted(): boolean {
    return this.#isDeleted;
  }

  /** Published, and not on the disk yet. */
  get writing(): number {
    return this.#writes.size;
  }

  get deadLettering(): number {
    return this.#worker.size;
  }

  get unacked(): number {
    return this.#taken.size;
  }

  get consumers(): number {
    return this.#consumers.size;
  }

  configure(settings: QueueSettings): void {
    this.#settings = settings;
    this.#trim();
    this.#armExpiry();
    this.#armTimeout();
  }

  enqueue(message: Message, onStored: (stored: boolean) => void): void {
    if (this.#isDeleted || this.#isFull) {
      onStored(false);
      return;
    }
    this.#writes.add({ message, onStored });
  }

  /** For `get`. */
  take(): Entry | undefined {
    this.#expire();
    this.#around.used(this);
    const entry = this.#ready.shift();
    if (entry !== undefined) this.#taken.set(entry, { consumer: undefined, at: this.#around.time.now() });
    this.#armExpiry();
    return entry;
  }

  addConsumer(consumer: QueueConsumer): void {
    this.#consumers.add(consumer);
    this.#around.used(this);
    this.dispatch();
  }

  /** What it holds stays taken. */
  removeConsumer(consumer: QueueConsumer): void {
    this.#consumers.remove(consumer);
    this.#around.used(this);
  }

  /** Hands out what can be handed out, to each consumer in turn. */
  dispatch(): void {
    this.#expire();
    while (this.#ready.length > 0) {
      const consumer = this.#consumers.next();
      if (consumer === undefined) break;
      const entry = this.#ready.shift() as Entry;
      this.#taken.set(entry, { consumer, at: this.#around.time.now() });
      consumer.deliver(entry);
      this.#expire();
    }
    this.#armExpiry();
    this.#armTimeout();
  }

  acknowledge(held: Held): void {
    if (this.#letGo(held)) this.#armTimeout();
  }

  /** Gives it back to its place, or ends it where it has come back too often. */
  giveBack(held: Held, way: ReturnWay): void {
    this.giveBackAll([held], way);
  }

  /** The same for several at once: nothing is handed out before all are back. */
  giveBackAll(all: Iterable<Held>, way: ReturnWay): void {
    const { deliveryLimit } = this.#settings;
    for (const held of all) {
      if (!this.#letGo(held)) continue;
      const { entry } = held;
      this.#count(entry, way);
      entry.redelivered = true;
      if (deliveryLimit !== undefined && entry.deliveryCount > deliveryLimit) this.#die(entry, 'delivery_limit');
      else if (!isFailure(way) || !this.#keptBack.keep(entry, this.#settings.delayedRetry)) this.#putBack(entry);
    }
    this.dispatch();
  }

  /** `nack` and `reject` without requeue. */
  discard(held: Held, way: 'nack' | 'reject'): void {
    if (!this.#letGo(held)) return;
    const { entry } = held;
    this.#count(entry, way);
    this.#die(entry, 'rejected');
    this.#armTimeout();
  }

  /** Everything in it is gone, and its consumers are told. */
  delete(): void {
    this.#isDeleted = true;
    this.#ready.length = 0;
    this.#taken.clear();
    this.#keptBack.removeAll();
    for (const { onStored } of this.#writes.removeAll()) onStored(false);
    this.#worker.stop();
    this.#cancelExpiry?.();
    this.#cancelTimeout?.();
    for (const consumer of this.#consumers.removeAll()) consumer.onCancelled();
  }

  cancelConsumers(): void {
    for (const consumer of this.#consumers.removeAll()) {
      this.giveBackAll(this.#heldBy(consumer), 'timeout');
      consumer.onCancelled();
    }
  }

  /** The broker lost its power: nobody knows what of the last writes has come to the disk. */
  crash(): void {
    this.#worker.crash();
    this.#consumers.removeAll();
    for (const { message } of this.#writes.removeAll())
      if (this.#around.random() < 0.5) this.#ready.push(this.#entryOf(message));
    this.giveBackAll(this.#heldBy(), 'lost');
    for (const entry of this.#keptBack.removeAll()) this.#putBack(entry); // its timer dies with the broker
    this.#timeoutAt = undefined; // no timer outlives the power cut
  }

  /** Everything that was written is on the disk. */
  flush(): void {
    this.#writes.flush();
  }

  /** After a crash. */
  restart(): void {
    this.flush(); // what another queue has given it while it crashed
    this.#worker.restart();
    this.#around.used(this);
    this.dispatch();
  }

  get #isFull(): boolean {
    const { maxLength, overflow, type } = this.#settings;
    if (maxLength === undefined || overflow !== 'reject-publish') return false;
    // A quorum queue says that it is full only after the message that was one too many.
    return this.#ready.length + this.#writes.size >= maxLength + (type === 'quorum' ? 1 : 0);
  }

  #store(writes: readonly Write[]): void {
    for (const { message, onStored } of writes) {
      this.#ready.push(this.#entryOf(message));
      onStored(true);
    }
    this.#trim();
    this.dispatch();
  }

  #entryOf(message: Message): Entry {
    const { messageTtlMs } = this.#settings;
    const own = message.properties.expiration === undefined ? undefined : Number(message.properties.expiration);
    const ttl = Math.min(own ?? Number.POSITIVE_INFINITY, messageTtlMs ?? Number.POSITIVE_INFINITY);
    this.#order += 1;
    return {
      message,
      order: this.#order,
      expiresAt: Number.isFinite(ttl) ? this.#around.time.now() + ttl : undefined,
      deliveryCount: message.carried?.delivery ?? 0,
      acquiredCount: message.carried?.acquired ?? 0,
      redelivered: false,
    };
  }

  #count(entry: Entry, way: ReturnWay): void {
    entry.acquiredCount += 1;
    if (this.#around.release.countsEveryReturn || isFailure(way)) entry.deliveryCount += 1;
  }

  /** In its place; a quorum queue behind what was given back before, or, without a delivery limit (3.10), at its end. */
  #putBack(entry: Entry): void {
    const { type, deliveryLimit } = this.#settings;
    const comesBefore = (other: Entry): boolean =>
      type === 'classic' ? other.order > entry.order : deliveryLimit !== undefined && !other.redelivered;
    const index = this.#ready.findIndex(comesBefore);
    this.#ready.splice(index < 0 ? this.#ready.length : index, 0, entry);
  }

  #trim(): void {
    const { maxLength, overflow } = this.#settings;
    if (maxLength === undefined || overflow !== 'drop-head') return;
    while (this.#ready.length > maxLength) this.#die(this.#ready.shift() as Entry, 'maxlen');
  }

  /** Only what stands at the head expires. */
  #expire(): void {
    const now = this.#around.time.now();
    for (;;) {
      const head = this.#ready[0];
      if (head?.expiresAt === undefined || head.expiresAt > now) return;
      this.#ready.shift();
      this.#die(head, 'expired');
    }
  }

  #die(entry: Entry, reason: DeathReason): void {
    const { deadLetterExchange, deadLetterRoutingKey, keepsUntilStored } = this.#settings;
    if (deadLetterExchange === undefined) return;
    const { time, release } = this.#around;
    const place = { queue: this.name, deadLetterExchange, deadLetterRoutingKey };
    const message = deadLettered(entry, reason, place, release, time.epochMs());
    if (keepsUntilStored) this.#worker.add(message);
    else for (const queue of this.#around.targetsOf(message)) queue.enqueue(message, () => undefined);
  }

  /** By this consumer, or by anybody. */
  #heldBy(consumer?: QueueConsumer): Held[] {
    const all = [...this.#taken].map(([entry, taken]) => ({ entry, consumer: taken.consumer }));
    return consumer === undefined ? all : all.filter((held) => held.consumer === consumer);
  }

  /** False when it was taken back meanwhile, and may be in other hands: those of who is told late change nothing. */
  #letGo({ entry, consumer }: Held): boolean {
    const taken = this.#taken.get(entry);
    return taken !== undefined && taken.consumer === consumer && this.#taken.delete(entry);
  }

  #armExpiry(): void {
    this.#cancelExpiry?.();
    this.#cancelExpiry = undefined;
    const at = this.#ready[0]?.expiresAt;
    if (at === undefined) return;
    this.#cancelExpiry = this.#around.time.after(at - this.#around.time.now(), () => this.dispatch());
  }

  /** One timer, for what was taken the longest ago. Classic queues have none on 4.3. */
  #armTimeout(): void {
    const { time, release } = this.#around;
    const oldest = this.#oldest;
    if (oldest?.consumer === undefined || (release.timeoutCancels && this.#settings.type === 'classic')) return;
    const at = oldest.at + this.#settings.consumerTimeoutMs;
    if (this.#timeoutAt === at) return;
    this.#cancelTimeout?.();
    this.#timeoutAt = at;
    this.#cancelTimeout = time.after(at - time.now(), () => this.#onTimeout());
  }

  get #oldest(): Taken | undefined {
    const [oldest] = this.#taken.values();
    return oldest;
  }

  #onTimeout(): void {
    this.#timeoutAt = undefined;
    const { time, release } = this.#around;
    const oldest = this.#oldest;
    if (oldest?.consumer === undefined) return;
    const { consumer } = oldest;
    const isDue = oldest.at + this.#settings.consumerTimeoutMs <= time.now();
    if (isDue && !release.timeoutCancels) {
      consumer.onTimedOut();
      return;
    }
    if (isDue) {
      this.removeConsumer(consumer);
      this.giveBackAll(this.#heldBy(consumer), 'timeout');
      consumer.onCancelled();
    }
    this.#armTimeout();
  }
}
