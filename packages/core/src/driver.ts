import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { asError } from './errors.ts';
import type { HeaderTable, IncomingMessage, OutgoingMessage } from './message.ts';

/**
 * All that core needs of an AMQP library. `driver-amqplib.ts` implements it over amqplib.
 * It is shaped for the hot path: no promise per frame; results come through listeners that are set before a channel opens.
 */
export interface Driver {
  /**
   * Resolves once the broker has answered open-ok.
   *
   * @param signal ends the attempt, handshake included, and destroys the socket
   * @throws {DriverError} the socket's or the protocol's error
   */
  dial(target: DialTarget, signal: AbortSignal): Promise<DriverLink>;
}

export interface DialTarget {
  readonly host: string;
  readonly port: number;
  readonly vhost: string;
  /** `external` uses the client certificate (SASL EXTERNAL). */
  readonly login: { readonly username: string; readonly password: string } | 'external';
  /** Undefined for plain TCP. */
  readonly tls: TlsOptions | undefined;
  /** 0 turns heartbeats off. */
  readonly heartbeatSeconds: number;
  /** Largest frame to ask for, in bytes; the lower of the two sides wins. */
  readonly frameMaxBytes: number;
  readonly clientProperties: Readonly<Record<string, unknown>>;
}

export interface DriverLink {
  /** As the broker announced it, for example `4.3.6`. */
  readonly serverVersion: string;
  /** Negotiated, in bytes. */
  readonly frameMax: number;
  /** A channel in confirm mode. */
  openChannel(listeners: ChannelListeners, signal: AbortSignal): Promise<DriverChannel>;
  /** Calls back for each `connection.blocked`, with the broker's reason. */
  onBlocked(listener: (reason: string) => void): void;
  onUnblocked(listener: () => void): void;
  /** Calls back exactly once, whatever ended the link; with `undefined` when we asked for it. */
  onClosed(listener: (cause: DriverError | undefined) => void): void;
  /** Gives the broker a new password or token for this connection. */
  updateSecret(secret: string, signal: AbortSignal): Promise<void>;
  /** Closes with a handshake; when the signal aborts first, the socket is destroyed and the promise resolves. */
  close(signal: AbortSignal): Promise<void>;
  /** Ends the socket at once, without asking the other side. */
  destroy(cause?: DriverError): void;
}

/** None of these may throw. */
export interface ChannelListeners {
  onConfirm(sequence: number, multiple: boolean, stored: boolean): void;
  /** Comes before the confirm of the same message. */
  onReturn(messageId: string, replyCode: number, replyText: string): void;
  onDelivery(message: IncomingMessage): void;
  /** The broker cancelled the consumer: queue deleted, leader lost, or (4.3) its consumer timeout. */
  onCancel(consumerTag: string): void;
  /** Calls back exactly once; with `undefined` when we asked for it. */
  onClosed(cause: DriverError | undefined): void;
}

export interface DriverChannel {
  readonly isOpen: boolean;
  /**
   * Queues one message and returns its sequence number on this channel (1, 2, 3 …); what one turn queues is written at once.
   *
   * @throws {Error} when it cannot be encoded or the channel is closed; then nothing was queued
   */
  publish(message: OutgoingMessage): number;
  /** Does nothing on a closed channel: the broker has already taken the message back. */
  ack(deliveryTag: number, multiple: boolean): void;
  /** @param multiple this one and all before it that are not settled. Default: false */
  nack(deliveryTag: number, requeue: boolean, multiple?: boolean): void;
  reject(deliveryTag: number, requeue: boolean): void;
  /**
   * What comes within so many milliseconds may be told together after them, that of the link's other channels too. It may
   * be told at once as well: over amqplib it is where those have just been told something, so that none has to wait.
   */
  pauseReading(forMs: number): void;
  /** Applies to consumers that start after it (per consumer, not global). */
  prefetch(count: number, signal: AbortSignal): Promise<void>;
  /** @param args of the consumer, for example where in a stream it begins. Default: none */
  consume(queue: string, consumerTag: string, signal: AbortSignal, args?: HeaderTable): Promise<void>;
  cancel(consumerTag: string, signal: AbortSignal): Promise<void>;
  get(queue: string, signal: AbortSignal): Promise<IncomingMessage | undefined>;
  declareQueue(queue: QueueDeclaration, signal: AbortSignal): Promise<void>;
  declareExchange(exchange: ExchangeDeclaration, signal: AbortSignal): Promise<void>;
  bind(binding: BindingDeclaration, signal: AbortSignal): Promise<void>;
  /**
   * Passive: rejects with a 404, closing the channel, when it does not exist. Resolves to how many messages are ready,
   * those not counted that a consumer holds.
   */
  checkQueue(name: string, signal: AbortSignal): Promise<number>;
  /**
   * Resolves to how many consumers a queue has. Rejects as `checkQueue` does. Of a quorum queue with a single active
   * consumer, those that wait are not counted (3.10).
   */
  countConsumers(queue: string, signal: AbortSignal): Promise<number>;
  checkExchange(name: string, signal: AbortSignal): Promise<void>;
  /** Deletes it with what is in it, used or not. Nothing happens when there is none. */
  deleteQueue(name: string, signal: AbortSignal): Promise<void>;
  /** Deletes it with its bindings, used or not. Nothing happens when there is none. */
  deleteExchange(name: string, signal: AbortSignal): Promise<void>;
  /** Closes with a handshake; when the signal aborts first, the channel is abandoned and the promise resolves. */
  close(signal: AbortSignal): Promise<void>;
}

export interface QueueDeclaration {
  readonly name: string;
  readonly arguments: HeaderTable;
}

export interface ExchangeDeclaration {
  readonly name: string;
  readonly type: ExchangeType;
  readonly arguments: HeaderTable;
}

export type ExchangeType = 'direct' | 'fanout' | 'topic' | 'headers';

export interface BindingDeclaration {
  readonly exchange: string;
  readonly queue: string;
  readonly routingKey: string;
  readonly arguments: HeaderTable;
}

/** Why a link or a channel ended, or an RPC failed. */
export class DriverError extends Error {
  override readonly name = 'DriverError';
  /** What ended: the socket, the connection (by the broker), or one channel (by the broker). */
  readonly scope: 'socket' | 'connection' | 'channel';
  /** The broker's reply code (404, 406 …), where there was one. */
  readonly replyCode: number | undefined;
  /** The time for an answer has passed. */
  readonly isUnanswered: boolean;

  constructor(
    scope: DriverError['scope'],
    message: string,
    options: { replyCode?: number | undefined; isUnanswered?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.scope = scope;
    this.replyCode = options.replyCode;
    this.isUnanswered = options.isUnanswered ?? false;
  }
}

/** Whatever ended something or failed, as a `DriverError`. */
export function driverError(scope: DriverError['scope'], thrown: unknown, signal?: AbortSignal): DriverError {
  if (thrown instanceof DriverError) return thrown;
  if (signal?.aborted) {
    return new DriverError(scope, 'timed out without an answer', { isUnanswered: true, cause: signal.reason });
  }
  const error = thrown === undefined ? new Error('the connection ended') : asError(thrown);
  const replyCode = 'code' in error && typeof error.code === 'number' ? error.code : undefined;
  return new DriverError(scope, error.message, { replyCode, cause: error });
}
