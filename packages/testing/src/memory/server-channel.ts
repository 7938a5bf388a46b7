import type { HeaderTable } from '@surehop/core';
import type { IncomingMessage, OutgoingMessage } from '@surehop/core/internal';
import type { BrokerTime } from './broker-time.ts';
import { Confirms } from './confirms.ts';
import { deathHeaders, deathsIn } from './death.ts';
import type { Entry, Message } from './message.ts';
import { ProtocolError } from './protocol-error.ts';
import type { Queue } from './queue.ts';
import type { Held, QueueConsumer, ReturnWay } from './queue-consumer.ts';
import type { Release } from './release.ts';
import { SettlingPipeline } from './settling-pipeline.ts';
import type { MemoryVhost } from './vhost.ts';

/** What the other side of a channel is told. */
export interface ChannelPeer {
  confirm(sequence: number, multiple: boolean, stored: boolean): void;
  returned(messageId: string, replyCode: number, replyText: string): void;
  delivered(message: IncomingMessage): void;
  cancelled(consumerTag: string): void;
  closed(error: ProtocolError): void;
}

export interface ServerChannelOptions {
  readonly vhost: MemoryVhost;
  readonly release: Release;
  readonly time: BrokerTime;
  readonly writeMs: () => number;
  readonly peer: ChannelPeer;
  readonly number: number;
  readonly onClosed: () => void;
}

interface Unsettled extends Held {
  readonly queue: Queue;
  readonly consumer: ServerConsumer | undefined;
}

/** As a channel sees it. */
class ServerConsumer implements QueueConsumer {
  readonly tag: string;
  readonly queue: Queue;
  readonly deliver: QueueConsumer['deliver'];
  readonly onCancelled: QueueConsumer['onCancelled'];
  readonly onTimedOut: QueueConsumer['onTimedOut'];
  unsettled = 0;
  readonly #prefetch: number;

  constructor(tag: string, queue: Queue, prefetch: number, on: Omit<QueueConsumer, 'hasCredit'>) {
    this.tag = tag;
    this.queue = queue;
    this.#prefetch = prefetch;
    this.deliver = on.deliver;
    this.onCancelled = on.onCancelled;
    this.onTimedOut = on.onTimedOut;
  }

  get hasCredit(): boolean {
    return this.#prefetch === 0 || this.unsettled < this.#prefetch;
  }
}

/** The broker's side of a channel in confirm mode. What it refuses closes it; it throws nothing. */
export class ServerChannel {
  readonly #options: ServerChannelOptions;
  readonly #confirms: Confirms;
  readonly #consumers = new Map<string, ServerConsumer>();
  /** By delivery tag, in order. */
  readonly #unsettled = new Map<number, Unsettled>();
  readonly #pipelines = new Map<Queue, SettlingPipeline>();
  #sequence = 0;
  #deliveryTag = 0;
  #prefetch = 0;
  #isOpen = true;

  constructor(options: ServerChannelOptions) {
    this.#options = options;
    const { peer, time } = options;
    this.#confirms = new Confirms(time, (sequence, multiple, stored) => peer.confirm(sequence, multiple, stored));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Does what is asked, or closes the channel with the reason why not; undefined then. */
  attempt<T>(act: (channel: ServerChannel) => T): { readonly value: T } | undefined {
    if (!this.#isOpen) return undefined;
    try {
      return { value: act(this) };
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
      this.#fail(thrown);
      return undefined;
    }
  }

  /** @throws {ProtocolError} 404 for a missing exchange, 406 for a body that is too large */
  publish(outgoing: OutgoingMessage): void {
    const { vhost, release, peer } = this.#options;
    const { mandatory, content, properties } = outgoing;
    this.#sequence += 1;
    const sequence = this.#sequence;
    if (content.byteLength > release.maxMessageBytes) {
      const what = `message size ${content.byteLength} is larger than configured max size ${release.maxMessageBytes}`;
      throw new ProtocolError(406, what);
    }
    const message = messageOf(outgoing, release);
    const queues = vhost.route(message);
    this.#confirms.expect(sequence);
    if (queues.length === 0) {
      if (mandatory) peer.returned(properties.messageId ?? '', 312, 'NO_ROUTE');
      this.#confirms.note(sequence, true);
      return;
    }
    let left = queues.length;
    let isStored = true;
    for (const queue of queues) {
      queue.enqueue(message, (stored) => {
        isStored &&= stored;
        left -= 1;
        if (left === 0) this.#confirms.note(sequence, isStored);
      });
    }
  }

  prefetch(count: number): void {
    this.#prefetch = count;
  }

  /** @throws {ProtocolError} 404 for a missing queue, 530 for a tag in use */
  consume(name: string, tag: string): void {
    const queue = this.#options.vhost.queue(name);
    if (this.#consumers.has(tag)) throw new ProtocolError(530, `attempt to reuse consumer tag '${tag}'`, 'connection');
    const consumer: ServerConsumer = new ServerConsumer(tag, queue, this.#prefetch, {
      deliver: (entry) => this.#deliver(consumer, entry),
      onCancelled: () => {
        this.#consumers.delete(tag);
        this.#forget(consumer);
        this.#options.peer.cancelled(tag);
      },
      onTimedOut: () => {
        const what = `delivery acknowledgement on channel ${this.#options.number} timed out. Timeout value used: ${queue.settings.consumerTimeoutMs} ms. This timeout value can be configured, see consumers doc guide to learn more`;
        this.#fail(new ProtocolError(406, what));
      },
    });
    this.#consumers.set(tag, consumer);
    // Its answer goes out before its first delivery.
    this.#options.time.after(0, () => {
      if (this.#consumers.get(tag) === consumer) queue.addConsumer(consumer);
    });
  }

  /** What was delivered stays to be settled. A tag that is not there is no fault. */
  cancel(tag: string): void {
    const consumer = this.#consumers.get(tag);
    this.#consumers.delete(tag);
    consumer?.queue.removeConsumer(consumer);
    consumer?.queue.dispatch(); // another one may be active now
  }

  /** @throws {ProtocolError} 404 */
  get(name: string): IncomingMessage | undefined {
    const queue = this.#options.vhost.queue(name);
    const entry = queue.take();
    return entry === undefined ? undefined : this.#hand(entry, queue, undefined);
  }

  /** @throws {ProtocolError} 406 for a tag that is not to be settled on this channel */
  acknowledge(tag: number, multiple: boolean): void {
    const settled = byQueue(this.#settle(tag, multiple));
    for (const [queue, all] of settled) {
      this.#tell(queue, all, () => {
        for (const held of all) {
          release(held);
          queue.acknowledge(held);
        }
        queue.dispatch();
      });
    }
  }

  /** @throws {ProtocolError} 406 for a tag that is not to be settled on this channel */
  refuse(tag: number, way: 'nack' | 'reject', requeue: boolean, multiple = false): void {
    for (const held of this.#settle(tag, multiple)) {
      const { queue } = held;
      this.#tell(queue, [held], () => {
        release(held);
        if (requeue) queue.giveBack(held, way);
        else queue.discard(held, way);
        queue.dispatch();
      });
    }
  }

  /** Ends it: what was not settled goes back. Safe to call twice. */
  end(way: ReturnWay = 'lost'): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#confirms.end();
    for (const consumer of this.#consumers.values()) consumer.queue.removeConsumer(consumer);
    this.#consumers.clear(); // one that has just asked is not added any more
    const untold = [...this.#pipelines].flatMap(([queue, pipeline]) =>
      pipeline.end().map((held) => ({ ...held, queue })),
    );
    for (const [queue, all] of byQueue([...untold, ...this.#unsettled.values()])) queue.giveBackAll(all, way);
    this.#unsettled.clear();
    this.#options.onClosed();
  }

  #fail(error: ProtocolError): void {
    this.end();
    this.#options.peer.closed(error);
  }

  #deliver(consumer: ServerConsumer, entry: Entry): void {
    consumer.unsettled += 1;
    this.#options.peer.delivered(this.#hand(entry, consumer.queue, consumer));
  }

  #hand(entry: Entry, queue: Queue, consumer: ServerConsumer | undefined): IncomingMessage {
    this.#deliveryTag += 1;
    this.#unsettled.set(this.#deliveryTag, { entry, queue, consumer });
    const { exchange, routingKey, content, properties } = entry.message;
    return {
      consumerTag: consumer?.tag ?? '',
      deliveryTag: this.#deliveryTag,
      redelivered: entry.redelivered,
      exchange,
      routingKey,
      content,
      properties,
      headers: visibleHeaders(entry, queue.settings.type === 'quorum', this.#options.release),
    };
  }

  #settle(tag: number, multiple: boolean): Unsettled[] {
    const isAll = multiple && tag === 0;
    if (!isAll && !this.#unsettled.has(tag)) throw new ProtocolError(406, `unknown delivery tag ${tag}`);
    const settled: Unsettled[] = [];
    for (const [number, unsettled] of multiple ? this.#unsettled : [[tag, this.#unsettled.get(tag)] as const]) {
      if ((number > tag && !isAll) || unsettled === undefined) break;
      this.#unsettled.delete(number);
      settled.push(unsettled);
    }
    return settled;
  }

  #tell(queue: Queue, held: readonly Held[], apply: () => void): void {
    if (queue.settings.type === 'classic') {
      apply();
      return;
    }
    let pipeline = this.#pipelines.get(queue);
    if (pipeline === undefined) {
      pipeline = new SettlingPipeline(this.#options.time, this.#options.writeMs);
      this.#pipelines.set(queue, pipeline);
    }
    pipeline.send(held, apply);
  }

  /** The queue has taken back what the consumer held; to settle it now is no fault. */
  #forget(consumer: ServerConsumer): void {
    consumer.unsettled = 0;
  }
}

/** Its consumer may have one more: not before the queue has taken note, so that no more than the prefetch can come back. */
function release({ consumer }: Unsettled): void {
  if (consumer !== undefined) consumer.unsettled = Math.max(0, consumer.unsettled - 1);
}

function byQueue<T extends { readonly queue: Queue }>(all: readonly T[]): Map<Queue, T[]> {
  const heldOf = new Map<Queue, T[]>();
  for (const held of all) {
    const others = heldOf.get(held.queue);
    if (others === undefined) heldOf.set(held.queue, [held]);
    else others.push(held);
  }
  return heldOf;
}

export function messageOf(outgoing: Omit<OutgoingMessage, 'mandatory'>, release: Release): Message {
  const { exchange, routingKey, content, properties, headers } = outgoing;
  const deaths = release.ownsDeaths ? [] : deathsIn(headers);
  return { exchange, routingKey, content, properties, headers, deaths, firstDeath: deaths.at(-1), carried: undefined };
}

/** The headers of a delivery: the message's own, and those of the broker. */
export function visibleHeaders(entry: Entry, isQuorum: boolean, release: Release): HeaderTable {
  const { message, deliveryCount, acquiredCount } = entry;
  const hasCarried = message.carried !== undefined;
  return {
    ...message.headers,
    ...deathHeaders(message, release),
    ...((isQuorum || hasCarried) && deliveryCount > 0 && { 'x-delivery-count': deliveryCount }),
    ...((isQuorum || hasCarried) &&
      release.tellsAcquired &&
      acquiredCount > 0 && { 'x-acquired-count': acquiredCount }),
  };
}
