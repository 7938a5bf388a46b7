import { type ConfirmChannel, IllegalOperationError, type Message } from 'amqplib';
import type {
  BindingDeclaration,
  ChannelListeners,
  DriverChannel,
  ExchangeDeclaration,
  QueueDeclaration,
} from './driver.ts';
import { DriverError, driverError } from './driver.ts';
import { settled } from './effects.ts';
import { asError } from './errors.ts';
import { incoming } from './incoming-message.ts';
import type { HeaderTable, IncomingMessage, OutgoingMessage } from './message.ts';
import type { WireChannel } from './wire/wire-channel.ts';

/** One channel of a connection of amqplib's. */
export class AmqplibChannel implements DriverChannel {
  readonly #channel: ConfirmChannel;
  readonly #listeners: ChannelListeners;
  readonly #gather: () => void;
  readonly #wire: WireChannel | undefined;
  #linkCause: DriverError | undefined;
  readonly #publish: ConfirmChannel['publish'];
  #sequence = 0;
  #error: Error | undefined;
  #open = true;
  #told = false;

  constructor(channel: ConfirmChannel, gather: () => void, wire: WireChannel | undefined, listeners: ChannelListeners) {
    this.#channel = channel;
    this.#listeners = listeners;
    this.#gather = gather;
    this.#wire = wire;
    // amqplib's own window of confirm callbacks never shrinks again after confirms out of order: confirms are counted
    // by our ledger alone, and publishing goes past the callback.
    this.#publish = Object.getPrototypeOf(Object.getPrototypeOf(channel)).publish;
    // amqplib closes a channel for a delivery to a consumer tag it has forgotten; which of them counts is ours to say.
    for (const event of ['ack', 'nack', 'delivery', 'cancel']) channel.removeAllListeners(event);
    // Where the wire is ours, these see none of them until the channel closes.
    wire?.listen(listeners);
    channel.on('ack', ({ deliveryTag, multiple }) => listeners.onConfirm(deliveryTag, multiple, true));
    channel.on('nack', ({ deliveryTag, multiple }) => listeners.onConfirm(deliveryTag, multiple, false));
    channel.on('return', ({ properties, fields }) => {
      const { replyCode, replyText } = fields as unknown as { replyCode: number; replyText: string };
      listeners.onReturn(String(properties.messageId ?? ''), replyCode, replyText);
    });
    channel.on('delivery', (message) => listeners.onDelivery(incoming(message)));
    channel.on('cancel', ({ consumerTag }) => listeners.onCancel(consumerTag));
    // Without a listener of ours, the error of one channel would end the whole connection.
    channel.on('error', (error) => {
      this.#error ??= error;
    });
    channel.on('close', () => this.#end(this.#error));
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Nothing more comes of this channel. A channel that the broker has closed in the same turn keeps its own reason. */
  linkEnded(cause: DriverError | undefined): void {
    this.#linkCause = cause;
    this.#end(undefined);
  }

  publish(message: OutgoingMessage): number {
    if (!this.#open) throw new DriverError('channel', 'the channel is closed');
    if (!this.#wire?.publish(message)) this.#publishByAmqplib(message);
    this.#sequence += 1;
    return this.#sequence;
  }

  ack(deliveryTag: number, multiple: boolean): void {
    if (!this.#open || this.#wire?.ack(deliveryTag, multiple)) return;
    this.#settle(() => this.#channel.ack(tagged(deliveryTag), multiple));
  }

  nack(deliveryTag: number, requeue: boolean, multiple = false): void {
    if (!this.#open || this.#wire?.nack(deliveryTag, requeue, multiple)) return;
    this.#settle(() => this.#channel.nack(tagged(deliveryTag), multiple, requeue));
  }

  reject(deliveryTag: number, requeue: boolean): void {
    if (!this.#open || this.#wire?.reject(deliveryTag, requeue)) return;
    this.#settle(() => this.#channel.reject(tagged(deliveryTag), requeue));
  }

  pauseReading(forMs: number): void {
    if (this.#open) this.#wire?.pauseReading(forMs);
  }

  async prefetch(count: number, signal: AbortSignal): Promise<void> {
    await this.#rpc(() => this.#channel.prefetch(count), signal);
  }

  async consume(queue: string, consumerTag: string, signal: AbortSignal, args: HeaderTable = {}): Promise<void> {
    await this.#rpc(() => this.#channel.consume(queue, () => undefined, { consumerTag, arguments: args }), signal);
  }

  async cancel(consumerTag: string, signal: AbortSignal): Promise<void> {
    await this.#rpc(() => this.#channel.cancel(consumerTag), signal);
  }

  async get(queue: string, signal: AbortSignal): Promise<IncomingMessage | undefined> {
    const message = await this.#rpc(() => this.#channel.get(queue), signal);
    return message === false ? undefined : incoming(message);
  }

  async declareQueue(queue: QueueDeclaration, signal: AbortSignal): Promise<void> {
    await this.#rpc(() => this.#channel.assertQueue(queue.name, { arguments: queue.arguments }), signal);
  }

  async declareExchange({ name, type, ...options }: ExchangeDeclaration, signal: AbortSignal): Promise<void> {
    await this.#rpc(() => this.#channel.assertExchange(name, type, options), signal);
  }

  async bind(binding: BindingDeclaration, signal: AbortSignal): Promise<void> {
    const { queue, exchange, routingKey, arguments: args } = binding;
    await this.#rpc(() => this.#channel.bindQueue(queue, exchange, routingKey, args), signal);
  }

  async checkQueue(name: string, signal: AbortSignal): Promise<number> {
    return (await this.#rpc(() => this.#channel.checkQueue(name), signal)).messageCount;
  }

  async countConsumers(queue: string, signal: AbortSignal): Promise<number> {
    return (await this.#rpc(() => this.#channel.checkQueue(queue), signal)).consumerCount;
  }

  async checkExchange(name: string, signal: AbortSignal): Promise<void> {
    await this.#rpc(() => this.#channel.checkExchange(name), signal);
  }

  async deleteQueue(name: string, signal: AbortSignal): Promise<void> {
    await this.#rpc(() => this.#channel.deleteQueue(name), signal);
  }

  async deleteExchange(name: string, signal: AbortSignal): Promise<void> {
    await this.#rpc(() => this.#channel.deleteExchange(name), signal);
  }

  async close(signal: AbortSignal): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#wire?.ignore();
    // Never settles when the connection dies meanwhile.
    const gone = new Promise<void>((resolve) => this.#channel.once('close', () => resolve()));
    await settled(Promise.race([this.#channel.close(), gone]), signal).catch(() => undefined);
    this.#tell(undefined);
  }

  #publishByAmqplib(message: OutgoingMessage): void {
    const { content, properties, mandatory, headers } = message;
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    this.#gather();
    try {
      const options = { ...properties, mandatory, headers };
      this.#publish.call(this.#channel, message.exchange, message.routingKey, bytes, options);
    } catch (thrown) {
      // amqplib knows of an end that nobody has told us: only what cannot be encoded is the message's own fault.
      if (thrown instanceof IllegalOperationError) this.#end(thrown);
      throw thrown;
    }
  }

  #settle(send: () => void): void {
    this.#gather();
    try {
      send();
    } catch (thrown) {
      // The broker takes back what was not settled.
      this.#end(asError(thrown));
    }
  }

  async #rpc<T>(call: () => PromiseLike<T>, signal: AbortSignal): Promise<T> {
    if (!this.#open) throw this.#linkCause ?? new DriverError('channel', 'the channel is closed');
    try {
      return await settled(call(), signal);
    } catch (thrown) {
      const cause = this.#linkCause ?? driverError('channel', thrown, signal);
      // Without an answer nobody knows what the channel is waiting for: it is given up.
      if (signal.aborted && this.#open) {
        this.#channel.close().catch(() => undefined);
        this.#end(cause);
      }
      throw cause;
    }
  }

  #end(error: Error | undefined): void {
    if (!this.#open && !this.#told && error === undefined) return;
    this.#open = false;
    this.#wire?.ignore();
    // What the broker said of this channel counts, even if a late frame for it ends the link in the same turn.
    const own = driverError('channel', error);
    queueMicrotask(() => this.#tell(own.replyCode === undefined ? (this.#linkCause ?? own) : own));
  }

  #tell(cause: DriverError | undefined): void {
    if (this.#told) return;
    this.#told = true;
    this.#listeners.onClosed(cause);
  }
}

/** amqplib reads nothing else of a message that it acknowledges. */
function tagged(deliveryTag: number): Message {
  return { fields: { deliveryTag } } as unknown as Message;
}
