import type { Cancel } from '@surehop/core/internal';
import { DeadLetterWorker } from './dead-letter-worker.ts';
import { deadLettered } from './death.ts';
import type { DeathReason, Entry, Message } from './message.ts';
import type { QueueSettings } from './queue-settings.ts';
import type { MessageTarget, QueueSurroundings } from './queue-surroundings.ts';

/** How a message came back: it says what is counted. */
export type ReturnWay = 'nack' | 'reject' | 'lost' | 'timeout';

export interface QueueConsumer {
  readonly hasCredit: boolean;
  deliver(entry: Entry): void;
  /** The broker cancels it: the queue is gone, or (4.3) it held a message for too long. */
  onCancelled(): void;
  /** It held a message for too long, before 4.3. */
  onTimedOut(): void;
}

interface Taken {
  /** Undefined for one that was fetched by `get`. */
  readonly consumer: QueueConsumer | undefined;
  readonly at: number;
}

interface Write {
  readonly message: Message;
  readonly onStored: (stored: boolean) => void;
}

/** A durable queue, quorum or classic, with all that happens to a message in it. */
export class Queue implements MessageTarget {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly #around: QueueSurroundings;
  readonly #worker: DeadLetterWorker;
  #settings: QueueSettings;
  #order = 0;
  /** On their way to the disk, or to a majority. */
  #writes: Write[] = [];
  /** How many writes have come to the disk. */
  #storedWrites = 0;
  readonly #ready: Entry[] = [];
  /** Delivered and not settled, the longest ago first. */
  readonly #taken = new Map<Entry, Taken>();
  #consumers: QueueConsumer[] = [];
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
    this.#around = around;
    this.#worker = new DeadLetterWorker(around);
  }

  get settings(): QueueSettings {
    return this.#settings;
  }

  get ready(): readonly Entry[] {
    return this.#ready;
  }

  /** Everything that it holds, those included that wait for the queue they are dead-lettered to. */
  get entries(): readonly Entry[] {
    return [...this.#taken.keys(), ...this.#ready].toSorted((one, other) => one.order - other.order);
  }

  get isDeleted(): boolean {
    return this.#isDeleted;
  }

  /** Published, and not on the disk yet. */
  get writing(): number {
    return this.#writes.length;
  }

  get deadLettering(): number {
    return this.#worker.size;
  }

  get unacked(): number {
    return this.#taken.size;
  }

  get consumers(): number {
    return this.#consumers.length;
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
    const wait = this.#around.writeMs();
    this.#writes.push({ message, onStored });
    // Written in the order in which they came: a timer stores all that came before it as well.
    if (wait === 0) this.#store(this.#writes.length);
    else {
      const upTo = this.#storedWrites + this.#writes.length;
      this.#around.time.after(wait, () => this.#store(upTo - this.#storedWrites));
    }
  }

  /** For `get`. */
  take(): Entry | undefined {
    this.#expire();
    const entry = this.#ready.shift();
    if (entry !== undefined) this.#taken.set(entry, { consumer: undefined, at: this.#around.time.now() });
    this.#armExpiry();
    return entry;
  }

  addConsumer(consumer: QueueConsumer): void {
    this.#consumers.push(consumer);
    this.dispatch();
  }

  /** What it holds stays taken. */
  removeConsumer(consumer: QueueConsumer): void {
    this.#consumers = this.#consumers.filter((one) => one !== consumer);
  }

  /** Hands out what can be handed out, to each consumer in turn. */
  dispatch(): void {
    this.#expire();
    while (this.#ready.length > 0) {
      const index = this.#consumers.findIndex(({ hasCredit }) => hasCredit);
      const consumer = this.#consumers[index];
      if (consumer === undefined) break;
      this.#consumers.splice(index, 1);
      this.#consumers.push(consumer);
      const entry = this.#ready.shift() as Entry;
      this.#taken.set(entry, { consumer, at: this.#around.time.now() });
      consumer.deliver(entry);
      this.#expire();
    }
    this.#armExpiry();
    this.#armTimeout();
  }

  acknowledge(entry: Entry): void {
    if (this.#taken.delete(entry)) this.#armTimeout();
  }

  /** Gives it back to its place, or ends it where it has come back too often. */
  giveBack(entry: Entry, way: ReturnWay): void {
    if (!this.#taken.delete(entry)) return;
    this.#count(entry, way);
    entry.redelivered = true;
    const { deliveryLimit } = this.#settings;
    if (deliveryLimit !== undefined && entry.deliveryCount > deliveryLimit) this.#die(entry, 'delivery_limit');
    else this.#putBack(entry);
    this.dispatch();
  }

  /** `nack` and `reject` without requeue. */
  discard(entry: Entry, way: 'nack' | 'reject'): void {
    if (!this.#taken.delete(entry)) return;
    this.#count(entry, way);
    this.#die(entry, 'rejected');
    this.#armTimeout();
  }

  /** Everything in it is gone, and its consumers are told. */
  delete(): void {
    this.#isDeleted = true;
    this.#ready.length = 0;
    this.#taken.clear();
    for (const { onStored } of this.#writes.splice(0)) onStored(false);
    this.#worker.stop();
    this.#cancelExpiry?.();
    this.#cancelTimeout?.();
    for (const consumer of this.#consumers.splice(0)) consumer.onCancelled();
  }

  cancelConsumers(): void {
    for (const consumer of this.#consumers.splice(0)) {
      this.#giveBackAllOf(consumer, 'timeout');
      consumer.onCancelled();
    }
  }

  /** The broker lost its power: nobody knows what of the last writes has come to the disk. */
  crash(): void {
    this.#worker.crash();
    this.#consumers = [];
    const writes = this.#writes;
    this.#writes = [];
    for (const { message } of writes) if (this.#around.random() < 0.5) this.#ready.push(this.#entryOf(message));
    for (const entry of [...this.#taken.keys()]) this.giveBack(entry, 'lost');
    this.#timeoutAt = undefined; // no timer outlives the power cut
  }

  /** Everything that was written is on the disk. */
  flush(): void {
    this.#store(this.#writes.length);
  }

  /** After a crash. */
  restart(): void {
    this.flush(); // what another queue has given it while it crashed
    this.#worker.restart();
    this.dispatch();
  }

  get #isFull(): boolean {
    const { maxLength, overflow, type } = this.#settings;
    if (maxLength === undefined || overflow !== 'reject-publish') return false;
    // A quorum queue says that it is full only after the message that was one too many.
    return this.#ready.length + this.#writes.length >= maxLength + (type === 'quorum' ? 1 : 0);
  }

  #store(count: number): void {
    const written = this.#writes.splice(0, Math.max(0, count));
    this.#storedWrites += written.length; // before anybody is told, who may write again at once
    for (const { message, onStored } of written) {
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
    if (this.#around.release.countsEveryReturn || way === 'reject' || way === 'lost') entry.deliveryCount += 1;
  }

  /** Seen on 3.10: a quorum queue without a delivery limit puts it at its end. */
  #putBack(entry: Entry): void {
    const keepsOrder = this.#settings.type === 'classic' || this.#settings.deliveryLimit !== undefined;
    const index = keepsOrder ? this.#ready.findIndex(({ order }) => order > entry.order) : -1;
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

  #giveBackAllOf(consumer: QueueConsumer, way: ReturnWay): void {
    for (const [entry, taken] of [...this.#taken]) if (taken.consumer === consumer) this.giveBack(entry, way);
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
      this.#giveBackAllOf(consumer, 'timeout');
      consumer.onCancelled();
    }
    this.#armTimeout();
  }
}
