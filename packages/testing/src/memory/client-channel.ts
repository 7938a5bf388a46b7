import {
  type BindingDeclaration,
  type ChannelListeners,
  type DriverChannel,
  DriverError,
  type ExchangeDeclaration,
  type IncomingMessage,
  type OutgoingMessage,
  type QueueDeclaration,
  settled,
} from '@surehop/core/internal';
import { type Asked, answered } from './answer.ts';
import type { ProtocolError } from './protocol-error.ts';
import type { ChannelPeer, ServerChannel } from './server-channel.ts';
import type { MemoryVhost } from './vhost.ts';

/** What a channel asks of its link. */
export interface ChannelLine {
  readonly vhost: MemoryVhost;
  /** Undefined inside once the broker has closed the channel. */
  toBroker(channel: number, method: string, read: (channel: ServerChannel | undefined) => void): void;
  toClient(channel: number, method: string, read: () => void): void;
  pauseReading(forMs: number): void;
  onChannelClosed(channel: ClientChannel): void;
}

interface Waiting {
  readonly method: string;
  reject(cause: DriverError): void;
}

/** The client's side of a channel: a `DriverChannel` with the manners of the one over amqplib. */
export class ClientChannel implements DriverChannel {
  readonly number: number;
  readonly #line: ChannelLine;
  readonly #listeners: ChannelListeners;
  /** Most of the time one at most. */
  readonly #waiting: Waiting[] = [];
  #sequence = 0;
  #isOpen = true;
  #isTold = false;
  #linkCause: DriverError | undefined;

  constructor(number: number, line: ChannelLine, listeners: ChannelListeners) {
    this.number = number;
    this.#line = line;
    this.#listeners = listeners;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Where the broker's side sends to. */
  get peer(): ChannelPeer {
    const { onConfirm, onReturn, onDelivery, onCancel } = this.#listeners;
    const tell = (method: string, read: () => void): void => {
      this.#line.toClient(this.number, method, () => {
        if (this.#isOpen) read();
      });
    };
    return {
      confirm: (sequence, multiple, stored) =>
        tell(stored ? 'basic.ack' : 'basic.nack', () => onConfirm(sequence, multiple, stored)),
      returned: (id, code, text) => tell('basic.return', () => onReturn(id, code, text)),
      delivered: (message) => tell('basic.deliver', () => onDelivery(message)),
      cancelled: (tag) => tell('basic.cancel', () => onCancel(tag)),
      closed: (error) => tell('channel.close', () => this.#closedByBroker(error)),
    };
  }

  publish(message: OutgoingMessage): number {
    if (!this.#isOpen) throw new DriverError('channel', 'the channel is closed');
    this.#sequence += 1;
    this.#send('basic.publish', (channel) => channel.publish(message));
    return this.#sequence;
  }

  ack(deliveryTag: number, multiple: boolean): void {
    if (this.#isOpen) this.#send('basic.ack', (channel) => channel.acknowledge(deliveryTag, multiple));
  }

  nack(deliveryTag: number, requeue: boolean, multiple = false): void {
    if (this.#isOpen) this.#send('basic.nack', (channel) => channel.refuse(deliveryTag, 'nack', requeue, multiple));
  }

  reject(deliveryTag: number, requeue: boolean): void {
    if (this.#isOpen) this.#send('basic.reject', (channel) => channel.refuse(deliveryTag, 'reject', requeue));
  }

  pauseReading(forMs: number): void {
    if (this.#isOpen) this.#line.pauseReading(forMs);
  }

  prefetch(count: number, signal: AbortSignal): Promise<void> {
    return this.#ask('basic.qos', (channel) => channel.prefetch(count), signal);
  }

  consume(queue: string, consumerTag: string, signal: AbortSignal): Promise<void> {
    return this.#ask('basic.consume', (channel) => channel.consume(queue, consumerTag), signal);
  }

  cancel(consumerTag: string, signal: AbortSignal): Promise<void> {
    return this.#ask('basic.cancel', (channel) => channel.cancel(consumerTag), signal);
  }

  get(queue: string, signal: AbortSignal): Promise<IncomingMessage | undefined> {
    return this.#ask('basic.get', (channel) => channel.get(queue), signal);
  }

  declareQueue(queue: QueueDeclaration, signal: AbortSignal): Promise<void> {
    return this.#ask('queue.declare', () => this.#line.vhost.declareQueue(queue.name, queue.arguments), signal);
  }

  declareExchange(exchange: ExchangeDeclaration, signal: AbortSignal): Promise<void> {
    return this.#ask('exchange.declare', () => this.#line.vhost.declareExchange(exchange), signal);
  }

  bind(binding: BindingDeclaration, signal: AbortSignal): Promise<void> {
    return this.#ask('queue.bind', () => this.#line.vhost.bind(binding), signal);
  }

  checkQueue(name: string, signal: AbortSignal): Promise<number> {
    return this.#ask('queue.declare', () => this.#line.vhost.queue(name).ready.length, signal);
  }

  countConsumers(queue: string, signal: AbortSignal): Promise<number> {
    return this.#ask('queue.declare', () => this.#line.vhost.queue(queue).consumers, signal);
  }

  async checkExchange(name: string, signal: AbortSignal): Promise<void> {
    await this.#ask('exchange.declare', () => this.#line.vhost.exchange(name), signal);
  }

  deleteQueue(name: string, signal: AbortSignal): Promise<void> {
    return this.#ask('queue.delete', () => this.#line.vhost.deleteQueue(name), signal);
  }

  deleteExchange(name: string, signal: AbortSignal): Promise<void> {
    return this.#ask('exchange.delete', () => this.#line.vhost.deleteExchange(name), signal);
  }

  async close(signal: AbortSignal): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const closed = new Promise<void>((resolve) => {
      this.#line.toBroker(this.number, 'channel.close', (channel) => {
        channel?.end();
        this.#line.toClient(this.number, 'channel.close-ok', resolve);
      });
      // Never answered when the connection ends meanwhile.
      this.#waiting.push({ method: 'channel.close', reject: () => resolve() });
    });
    await settled(closed, signal).catch(() => undefined);
    this.#tell(undefined);
  }

  /** Nothing more comes of this channel. */
  linkEnded(cause: DriverError | undefined): void {
    this.#linkCause = cause;
    const reason = cause ?? new DriverError('channel', 'the channel is closed');
    this.#isOpen = false;
    this.#rejectAll(() => reason);
    queueMicrotask(() => this.#tell(cause));
  }

  #send(method: string, act: (channel: ServerChannel) => void): void {
    this.#line.toBroker(this.number, method, (channel) => channel?.attempt(act));
  }

  #ask<T>(method: string, act: (channel: ServerChannel) => T, signal: AbortSignal): Promise<T> {
    if (!this.#isOpen) return Promise.reject(this.#linkCause ?? new DriverError('channel', 'the channel is closed'));
    const ask = ({ answer, refuse }: Asked<T>): void => {
      const waiting: Waiting = { method, reject: refuse };
      this.#waiting.push(waiting);
      this.#line.toBroker(this.number, method, (channel) => {
        const done = channel?.attempt(act);
        if (done === undefined) return; // the channel is closed, and says so itself
        this.#line.toClient(this.number, `${method}-ok`, () => {
          const index = this.#waiting.indexOf(waiting);
          if (index >= 0) this.#waiting.splice(index, 1);
          answer(done.value);
        });
      });
    };
    return answered(signal, ask, () => this.#unanswered(signal));
  }

  /** Without an answer nobody knows what the channel is waiting for: it is given up. */
  #unanswered(signal: AbortSignal): DriverError {
    const options = { isUnanswered: true, cause: signal.reason };
    const cause = new DriverError('channel', 'timed out without an answer', options);
    if (this.#isOpen) this.#giveUp(cause);
    return cause;
  }

  #giveUp(cause: DriverError): void {
    this.#isOpen = false;
    this.#line.toBroker(this.number, 'channel.close', (channel) => channel?.end());
    queueMicrotask(() => this.#tell(cause));
  }

  #closedByBroker(error: ProtocolError): void {
    this.#isOpen = false;
    const options = { replyCode: error.code, cause: error };
    this.#rejectAll(
      ({ method }) => new DriverError('channel', `Operation failed: ${method}; ${error.described}`, options),
    );
    const cause = new DriverError('channel', `Channel closed by server: ${error.described}`, options);
    queueMicrotask(() => this.#tell(cause));
  }

  #rejectAll(causeOf: (waiting: Waiting) => DriverError): void {
    for (const waiting of this.#waiting.splice(0)) waiting.reject(causeOf(waiting));
  }

  #tell(cause: DriverError | undefined): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#line.onChannelClosed(this);
    this.#listeners.onClosed(cause);
  }
}
