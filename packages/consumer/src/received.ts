import type { HeaderTable, Logger, MessageProperties, ReceivedMessage } from '@surehop/core';
import { type Attempts, guardedLogger } from '@surehop/core/internal';
import { type Delivery, messageFields } from './delivery.ts';
import type { HandlerRun } from './handler-run.ts';

/** Where a message was received. */
export interface Receiver {
  readonly queue: string;
  readonly log: Logger;
}

/** What a handler may know of a delivery. */
export type ReceivedDelivery = Pick<Delivery, 'message' | 'deliveryCount'>;

/**
 * What a handler gets. Most handlers ask for neither signal nor logger, and many not for properties or headers: each is
 * made when it is asked for. A class, since an object written out with getters costs more than all the rest of a message.
 */
export class Received implements ReceivedMessage<unknown> {
  readonly body: unknown;
  readonly content: Uint8Array;
  readonly attempt: number;
  readonly redelivered: boolean;
  readonly deliveryCount: number;
  readonly exchange: string;
  readonly routingKey: string;
  readonly queue: string;
  readonly #run: HandlerRun;
  readonly #delivery: ReceivedDelivery;
  readonly #attempts: Attempts;
  readonly #parentLog: Logger;
  #log: Logger | undefined;

  constructor(
    run: HandlerRun,
    delivery: ReceivedDelivery,
    attempts: Attempts,
    body: unknown,
    { queue, log }: Receiver,
  ) {
    const { message, deliveryCount } = delivery;
    this.body = body;
    this.content = message.content;
    this.attempt = attempts.failedAttempts + 1;
    this.redelivered = message.redelivered;
    this.deliveryCount = deliveryCount;
    this.exchange = message.exchange;
    this.routingKey = message.routingKey;
    this.queue = queue;
    this.#run = run;
    this.#delivery = delivery;
    this.#attempts = attempts;
    this.#parentLog = log;
  }

  get properties(): MessageProperties {
    return this.#delivery.message.properties;
  }

  get headers(): HeaderTable {
    return this.#delivery.message.headers;
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  get log(): Logger {
    const { message } = this.#delivery;
    this.#log ??= guardedLogger(this.#parentLog, messageFields(this.queue, message, this.#attempts));
    return this.#log;
  }
}
