import type { IncomingMessage, OutgoingMessage } from '@surehop/core/internal';
import { isReplyQueue, waitingQueue } from './scene.ts';

interface Unsettled {
  /** Whose it is; empty where nobody has to earn its acknowledgement. */
  readonly id: string;
  /** It came from the waiting queue. */
  readonly isLaidAside: boolean;
  readonly isSign: boolean;
  readonly consumerTag: string;
}

/** What one channel has done so far. */
export interface Channel {
  isOver: boolean;
  /** Unsettled deliveries by their tags. */
  readonly unsettled: Map<number, Unsettled>;
  /** Unconfirmed writes: their sequence numbers, and whose they are. */
  readonly unconfirmed: Map<number, OutgoingMessage>;
  /** Ids of messages that came back. */
  readonly returned: Set<string>;
  /** Of the last message of each kind. */
  readonly lastSendings: { plain: number; request: number };
  /** When its last message was first written, by this process's own count. */
  lastFirstWrite: number;
}

/** What may wait at the driver port of one process at once. */
export interface Bounds {
  /** Messages of its publisher that the broker has not answered. */
  readonly unconfirmed: number;
  /** Deliveries that it has not settled, of each consumer that it has at the broker: the prefetch. */
  readonly unsettled: number;
  /** Deliveries of the waiting queue that it has not settled. */
  readonly laidAside: number;
}

/** Of the messages of a simulated publisher: `number.sending`. */
const ownId = /^\d+\.(\d+)$/;

/**
 * Watches one process at the driver port, and says so when it does what it must not: settle what is not unsettled on
 * that very channel, acknowledge what was neither handled nor stored again, drop a message, write in another order, take
 * more in hand than it may. By the count of what passes here, whatever `health()` says.
 */
export class Observer {
  readonly #say: (violation: string) => void;
  readonly #bounds: Bounds;
  readonly #channels = new Set<Channel>();
  /** How often each message was handled to the end here, or stored as a copy, and how often it was acknowledged. */
  readonly #earned = new Map<string, number>();
  readonly #acknowledged = new Map<string, number>();
  /** What the broker has confirmed, and not returned before. */
  readonly #confirmed = new Set<string>();
  /** What has been answered here. */
  readonly #answered = new Set<string>();
  /** Copies of them were sent to the waiting queue. */
  readonly #laidAside = new Set<string>();
  /** Their callers have been told, one way or the other. */
  readonly #told = new Set<string>();
  /** The order in which messages were written for the first time. */
  readonly #firstWrites = new Map<string, number>();
  #isOver = false;

  constructor(say: (violation: string) => void, bounds: Bounds) {
    this.#say = say;
    this.#bounds = bounds;
  }

  /** The process has been killed: nothing that it still does has an effect. */
  end(): void {
    this.#isOver = true;
  }

  /** Its handler has returned: it may be acknowledged once. */
  handled(id: string): void {
    this.#earned.set(id, (this.#earned.get(id) ?? 0) + 1);
  }

  /** The promise of its `publish` has settled: nobody expects it to be written any more. */
  told(id: string): void {
    this.#told.add(id);
  }

  /** Whether the broker has said that it has the message. */
  isConfirmed(id: string): boolean {
    return this.#confirmed.has(id);
  }

  opened(): Channel {
    const channel: Channel = {
      isOver: false,
      unsettled: new Map(),
      unconfirmed: new Map(),
      returned: new Set(),
      lastSendings: { plain: 0, request: 0 },
      lastFirstWrite: -1,
    };
    this.#channels.add(channel);
    return channel;
  }

  closed(channel: Channel): void {
    if (channel.isOver) this.#violates('a channel ended twice');
    channel.isOver = true;
    this.#channels.delete(channel);
  }

  delivered(channel: Channel, message: IncomingMessage): void {
    const { deliveryTag, properties, routingKey, consumerTag } = message;
    if (channel.isOver) this.#violates('a delivery came on a channel that has ended');
    const isAnswer = isReplyQueue(routingKey);
    const isLaidAside = routingKey === waitingQueue;
    const { messageId = '', correlationId = '' } = properties;
    if (isAnswer) this.#answered.add(correlationId);
    // What another process has laid aside is stored: its original may be acknowledged for that.
    if (isLaidAside && !this.#laidAside.has(messageId)) this.handled(messageId);
    // An answer need not be earned.
    // A sign there is no message: each death of a process may leave one, until one lives that takes them away.
    const isSign = isLaidAside && message.content.length === 0;
    channel.unsettled.set(deliveryTag, { id: isAnswer ? '' : messageId, isLaidAside, isSign, consumerTag });
    if (isLaidAside) this.#countLaidAside();
    else if (!isAnswer) this.#countUnsettled(channel, consumerTag);
  }

  #countLaidAside(): void {
    let count = 0;
    for (const { unsettled } of this.#channels)
      for (const one of unsettled.values()) if (one.isLaidAside && !one.isSign) count += 1;
    if (count > this.#bounds.laidAside) this.#violates(`${count} laid aside at once`);
  }

  #countUnsettled({ unsettled }: Channel, consumerTag: string): void {
    const { unsettled: most } = this.#bounds;
    let ofConsumer = 0;
    for (const one of unsettled.values()) if (one.consumerTag === consumerTag) ofConsumer += 1;
    if (ofConsumer > most) this.#violates(`${ofConsumer} unsettled of one consumer`);
    let inAll = 0;
    for (const each of this.#channels) {
      for (const one of each.unsettled.values()) if (!one.isLaidAside) inAll += 1;
    }
    // Beside a subscription that finishes what it has, and one more consumer of it that asked for a sign of life, there is
    // one that takes one message at a time.
    if (inAll > 2 * most + 1) this.#violates(`${inAll} unsettled at once`);
  }

  wrote(channel: Channel, sequence: number, message: OutgoingMessage): void {
    channel.unconfirmed.set(sequence, message);
    const { messageId = '' } = message.properties;
    channel.returned.delete(messageId);
    const [, sending] = ownId.exec(messageId) ?? [];
    if (sending === undefined) return;
    if (message.routingKey === waitingQueue) this.#laidAside.add(messageId);
    if (message.routingKey === 'orders') this.#wroteOwn(channel, Number(sending), messageId, message);
    else this.#wroteCopy(channel, messageId);
  }

  /** Memory for copies is bounded by that of originals: one for each that is in hand, until the broker has answered it. */
  #wroteCopy({ unconfirmed }: Channel, id: string): void {
    let unanswered = 0;
    for (const { properties } of unconfirmed.values()) if (properties.messageId === id) unanswered += 1;
    if (unanswered > 1) this.#violates(`${id} was copied again before the broker had answered`);
    if (this.#laidAside.has(id)) return; // it may be on its way from the waiting queue
    for (const { unsettled } of this.#channels) for (const held of unsettled.values()) if (held.id === id) return;
    this.#violates(`${id} was copied, though it is not in hand`);
  }

  #countUnconfirmed(): void {
    let inAll = 0;
    for (const { unconfirmed } of this.#channels) inAll += unconfirmed.size;
    if (inAll > this.#bounds.unconfirmed) this.#violates(`${inAll} unconfirmed at once`);
  }

  #wroteOwn(channel: Channel, sending: number, messageId: string, message: OutgoingMessage): void {
    this.#countUnconfirmed();
    if (this.#told.has(messageId)) this.#violates(`${messageId} was written, though its caller had been told`);
    if (this.#answered.has(messageId)) this.#violates(`${messageId} was written again, though it was answered`);
    // A request may have to wait for its reply queue first, which no other message does.
    const kind = message.headers?.['surehop-answer'] === undefined ? 'plain' : 'request';
    const firstWrite = this.#firstWrites.get(messageId) ?? this.#firstWrites.size;
    this.#firstWrites.set(messageId, firstWrite);
    const isInOrder = sending > channel.lastSendings[kind] && firstWrite > channel.lastFirstWrite;
    if (!isInOrder) this.#violates(`${messageId} was written out of order`);
    channel.lastSendings[kind] = sending;
    channel.lastFirstWrite = firstWrite;
  }

  returned(channel: Channel, messageId: string): void {
    channel.returned.add(messageId);
  }

  confirmed(channel: Channel, sequence: number, multiple: boolean, isStored: boolean): void {
    for (const [written, message] of channel.unconfirmed) {
      if (written > sequence) break;
      if (!multiple && written !== sequence) continue;
      channel.unconfirmed.delete(written);
      const { messageId = '' } = message.properties;
      if (!isStored || channel.returned.has(messageId)) continue;
      if (message.routingKey === 'orders') this.#confirmed.add(messageId);
      else this.handled(messageId);
    }
  }

  acknowledged(channel: Channel, tag: number, multiple: boolean): void {
    if (channel.isOver) return; // does nothing on a closed channel, by the driver's contract
    if (!channel.unsettled.has(tag))
      this.#violates(`tag ${tag} was acknowledged, which is not unsettled on its channel`);
    for (const [delivered, { id, isLaidAside }] of channel.unsettled) {
      if (delivered > tag) break;
      if (!multiple && delivered !== tag) continue;
      channel.unsettled.delete(delivered);
      // One that was sent twice, or too late, is dropped; whether one is missing, the history tells.
      if (!isLaidAside) this.#acknowledge(id);
    }
  }

  refused(channel: Channel, tag: number, requeue: boolean): void {
    if (channel.isOver) return;
    const id = channel.unsettled.get(tag)?.id;
    if (!channel.unsettled.delete(tag))
      this.#violates(`tag ${tag} was given back, which is not unsettled on its channel`);
    if (!requeue && id !== undefined && ownId.test(id)) this.#violates(`${id} was dropped without a copy`);
  }

  #acknowledge(id: string): void {
    if (id === '') return; // its copy has an id that it did not have
    const times = (this.#acknowledged.get(id) ?? 0) + 1;
    this.#acknowledged.set(id, times);
    if (times > (this.#earned.get(id) ?? 0))
      this.#violates(`${id} was acknowledged, but neither handled nor stored again`);
  }

  #violates(violation: string): void {
    if (!this.#isOver) this.#say(violation);
  }
}
