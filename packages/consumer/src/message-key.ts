import { type HeaderTable, type MessageProperties, SurehopError } from '@surehop/core';
import { asError, type IncomingMessage, kindOf } from '@surehop/core/internal';

/** What `orderBy` sees of a message. It is called once for each delivery, before the message is handled. */
export interface KeyedMessage<T> {
  /** Decoded, and what the contract's schema made of it. */
  readonly body: T;
  /** The bytes as they came. */
  readonly content: Uint8Array;
  readonly properties: MessageProperties;
  readonly headers: HeaderTable;
  readonly exchange: string;
  readonly routingKey: string;
}

/**
 * Says whose order a message belongs to. A number is taken as its decimal text. It must answer at once and always the
 * same; a throw, no answer, or an empty one sends the message to the dead-letter queue.
 */
export type OrderBy<T> = (message: KeyedMessage<T>) => string | number;

/** Most keys are in the body: what is dear is made when it is asked for. */
class Keyed implements KeyedMessage<unknown> {
  readonly body: unknown;
  readonly #message: IncomingMessage;

  constructor(message: IncomingMessage, body: unknown) {
    this.#message = message;
    this.body = body;
  }

  get content(): Uint8Array {
    return this.#message.content;
  }

  get properties(): MessageProperties {
    return this.#message.properties;
  }

  get headers(): HeaderTable {
    return this.#message.headers;
  }

  get exchange(): string {
    return this.#message.exchange;
  }

  get routingKey(): string {
    return this.#message.routingKey;
  }
}

/** @throws {SurehopError} SUREHOP_KEY_INVALID, with what the function threw as its cause */
export function keyOf(orderBy: OrderBy<never>, message: IncomingMessage, body: unknown): string {
  let key: unknown;
  try {
    key = orderBy(new Keyed(message, body) as never);
  } catch (cause) {
    throw keyInvalid(`orderBy threw: ${asError(cause).message}`, cause);
  }
  if (typeof key === 'string' && key !== '') return key;
  if (typeof key === 'number' && Number.isFinite(key)) return String(key);
  if (key instanceof Promise) key.catch(() => undefined); // nobody waits for it
  throw keyInvalid(
    `orderBy must return a string that is not empty, or a number, got ${key === '' ? '""' : kindOf(key)}`,
  );
}

function keyInvalid(message: string, cause?: unknown): SurehopError {
  return new SurehopError('SUREHOP_KEY_INVALID', message, { retryable: false, cause });
}
