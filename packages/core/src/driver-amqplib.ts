import type { Writable } from 'node:stream';
import {
  type ChannelModel,
  type ConfirmChannel,
  connect,
  credentials,
  IllegalOperationError,
  type Message,
  type Options,
} from 'amqplib';
import type {
  BindingDeclaration,
  ChannelListeners,
  DialTarget,
  Driver,
  DriverChannel,
  DriverLink,
  ExchangeDeclaration,
  QueueDeclaration,
} from './driver.ts';
import { DriverError, driverError } from './driver.ts';
import { type Clock, settled, systemEffects } from './effects.ts';
import { asError } from './errors.ts';
import { incoming } from './incoming-message.ts';
import type { IncomingMessage, OutgoingMessage } from './message.ts';
import { gathering } from './write-gathering.ts';

/** The driver over amqplib 2. The only file that knows it. */
export function amqplibDriver(clock: Clock = systemEffects.clock): Driver {
  return {
    async dial(target, signal) {
      // Destroys the socket, during the handshake and after: amqplib itself only ends it.
      const socket = new AbortController();
      const onAbort = (): void => socket.abort(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        const model = await settled(connect(connectUrl(target), socketOptions(target, socket.signal)), signal);
        return new AmqplibLink(model, socket, clock);
      } catch (thrown) {
        socket.abort();
        throw driverError('socket', thrown, signal);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

class AmqplibLink implements DriverLink {
  readonly serverVersion: string;
  readonly frameMax: number;
  readonly #model: ChannelModel;
  readonly #socket: AbortController;
  readonly #gather: () => void;
  readonly #channels = new Set<AmqplibChannel>();
  #error: Error | undefined;
  #closing = false;
  /** Set once, when the link has ended; `undefined` inside when we asked for it. */
  #ended: { readonly cause: DriverError | undefined } | undefined;
  #onClosed: ((cause: DriverError | undefined) => void) | undefined;

  constructor(model: ChannelModel, socket: AbortController, clock: Clock) {
    this.#model = model;
    this.#socket = socket;
    const inner = model.connection as { serverProperties: { version?: unknown }; frameMax?: number; stream?: Writable };
    this.serverVersion = String(inner.serverProperties.version ?? 'unknown');
    this.frameMax = inner.frameMax ?? 4_096;
    this.#gather = gathering(inner.stream, clock);
    model.on('error', (error) => {
      this.#error ??= error;
      // After a frame that it does not expect, amqplib begins a closing handshake, during which every send throws. What
      // has ended by the end of this turn has told `close`; anything else is ended here.
      queueMicrotask(() => this.#end(error));
    });
    // The authority is `close`: an operator's close comes without an `error`.
    model.on('close', (error) => this.#end(error));
  }

  async openChannel(listeners: ChannelListeners, signal: AbortSignal): Promise<DriverChannel> {
    const opening = this.#model.createConfirmChannel();
    try {
      const opened = await settled(opening, signal);
      // Its end may have come in one piece with the answer, before anybody could listen.
      if (this.#ended !== undefined) throw this.#ended.cause ?? new DriverError('socket', 'the connection is closed');
      const channel: AmqplibChannel = new AmqplibChannel(opened, this.#gather, {
        ...listeners,
        onClosed: (cause) => {
          this.#channels.delete(channel);
          listeners.onClosed(cause);
        },
      });
      this.#channels.add(channel);
      return channel;
    } catch (thrown) {
      // One that opens after all must not stay open behind our back.
      opening.then((late) => late.close()).catch(() => undefined);
      throw this.#ended?.cause ?? driverError('channel', thrown, signal);
    }
  }

  onBlocked(listener: (reason: string) => void): void {
    this.#model.on('blocked', listener);
  }

  onUnblocked(listener: () => void): void {
    this.#model.on('unblocked', listener);
  }

  onClosed(listener: (cause: DriverError | undefined) => void): void {
    this.#onClosed = listener;
    if (this.#ended !== undefined) this.#tellClosed();
  }

  async updateSecret(secret: string, signal: AbortSignal): Promise<void> {
    const updating = this.#model.updateSecret(Buffer.from(secret), 'renewed');
    await settled(updating, signal).catch((thrown: unknown) =>
      Promise.reject(driverError('connection', thrown, signal)),
    );
  }

  async close(signal: AbortSignal): Promise<void> {
    this.#closing = true;
    // Never settles when the socket dies first.
    const gone = new Promise((resolve) => this.#model.once('close', resolve));
    await settled(Promise.race([this.#model.close(), gone]), signal).catch(() => undefined);
    this.destroy();
  }

  destroy(cause?: DriverError): void {
    this.#error ??= cause;
    this.#socket.abort();
    // amqplib tells `close` from the socket's end, if it still listens to it.
    this.#end(cause);
  }

  #end(error: Error | undefined): void {
    if (this.#ended !== undefined) return;
    const reason = error ?? this.#error;
    const byBroker = reason !== undefined && 'code' in reason && typeof reason.code === 'number';
    const cause = reason instanceof DriverError ? reason : driverError(byBroker ? 'connection' : 'socket', reason);
    this.#ended = { cause: this.#closing ? undefined : cause };
    for (const channel of [...this.#channels]) channel.linkEnded(this.#ended.cause);
    // After a heartbeat timeout amqplib leaves a half-open socket behind.
    this.#socket.abort();
    if (this.#onClosed !== undefined) this.#tellClosed();
  }

  #tellClosed(): void {
    queueMicrotask(() => this.#onClosed?.(this.#ended?.cause));
  }
}

class AmqplibChannel implements DriverChannel {
  readonly #channel: ConfirmChannel;
  readonly #listeners: ChannelListeners;
  readonly #gather: () => void;
  #linkCause: DriverError | undefined;
  readonly #publish: ConfirmChannel['publish'];
  #sequence = 0;
  #error: Error | undefined;
  #open = true;
  #told = false;

  constructor(channel: ConfirmChannel, gather: () => void, listeners: ChannelListeners) {
    this.#channel = channel;
    this.#listeners = listeners;
    this.#gather = gather;
    // amqplib's own window of confirm callbacks never shrinks again after confirms out of order: confirms are counted
    // by our ledger alone, and publishing goes past the callback.
    this.#publish = Object.getPrototypeOf(Object.getPrototypeOf(channel)).publish;
    // amqplib closes a channel for a delivery to a consumer tag it has forgotten; which of them counts is ours to say.
    for (const event of ['ack', 'nack', 'delivery', 'cancel']) channel.removeAllListeners(event);
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
    this.#sequence += 1;
    return this.#sequence;
  }

  ack(deliveryTag: number, multiple: boolean): void {
    this.#settle(() => this.#channel.ack(tagged(deliveryTag), multiple));
  }

  nack(deliveryTag: number, requeue: boolean): void {
    this.#settle(() => this.#channel.nack(tagged(deliveryTag), false, requeue));
  }

  reject(deliveryTag: number, requeue: boolean): void {
    this.#settle(() => this.#channel.reject(tagged(deliveryTag), requeue));
  }

  async prefetch(count: number, signal: AbortSignal): Promise<void> {
    await this.#rpc(() => this.#channel.prefetch(count), signal);
  }

  async consume(queue: string, consumerTag: string, signal: AbortSignal): Promise<void> {
    await this.#rpc(() => this.#channel.consume(queue, () => undefined, { consumerTag }), signal);
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
    // Never settles when the connection dies meanwhile.
    const gone = new Promise<void>((resolve) => this.#channel.once('close', () => resolve()));
    await settled(Promise.race([this.#channel.close(), gone]), signal).catch(() => undefined);
    this.#tell(undefined);
  }

  #settle(send: () => void): void {
    if (!this.#open) return;
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

function connectUrl(target: DialTarget): Options.Connect {
  return {
    protocol: target.tls === undefined ? 'amqp' : 'amqps',
    hostname: target.host,
    port: target.port,
    vhost: encodeURIComponent(target.vhost), // amqplib unescapes it
    heartbeat: target.heartbeatSeconds,
    frameMax: target.frameMaxBytes,
  };
}

function socketOptions(target: DialTarget, signal: AbortSignal): NonNullable<Parameters<typeof connect>[1]> {
  const { login, tls } = target;
  return {
    ...(tls as object),
    noDelay: true,
    keepAlive: true,
    clientProperties: { ...target.clientProperties },
    credentials: login === 'external' ? credentials.external() : credentials.plain(login.username, login.password),
    // Not in amqplib's types; it passes everything on to `net.connect` and `tls.connect`.
    ...{ signal },
  };
}

/** amqplib reads nothing else of a message that it acknowledges. */
function tagged(deliveryTag: number): Message {
  return { fields: { deliveryTag } } as unknown as Message;
}
