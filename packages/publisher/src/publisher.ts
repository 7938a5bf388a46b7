import {
  type CloseOptions,
  type ExchangeContract,
  type HeaderTable,
  type MessageProperties,
  type PublisherHealth,
  type QueueContract,
  type Rabbit,
  SurehopError,
} from '@surehop/core';
import {
  checkOutgoing,
  integer,
  internalsOf,
  kindOf,
  knownKeys,
  type LinkSession,
  type OutgoingLimits,
  type OutgoingMessage,
  type RabbitInternals,
} from '@surehop/core/internal';
import { checkBody, encodeBody } from './body.ts';
import { Bulk } from './bulk.ts';
import { Dispatcher } from './dispatcher.ts';
import type { Answer, Contract, Pending } from './pending.ts';
import {
  checkPublishOptions,
  checkRawOptions,
  defaultMaxFailures,
  destinationOf,
  eachOf,
  givenId,
  iterable,
  type PublishManyOptions,
  type PublishOptions,
  type RawDestination,
  type RawProperties,
  type RawPublishOptions,
} from './publish-options.ts';
import {
  longestDeadlineMs,
  type PublisherOptions,
  type ResolvedPublisherOptions,
  resolvePublisherOptions,
} from './publisher-options.ts';
import type { BulkReceipt, Receipt } from './receipt.ts';
import { weightOf } from './weight.ts';

/** Publishes messages and says what became of each. Made by {@link createPublisher}. */
export interface Publisher extends AsyncDisposable {
  /**
   * Publishes one message and resolves once the broker has stored it in at least one queue.
   *
   * A message whose confirm is lost with the connection is written again, under the same message id, until the deadline;
   * consumers may then see it twice. While the connection is down, or too many messages are on their way, the promise
   * stays pending. Messages to one contract leave in the order of the calls, unless its schema is asynchronous: then each
   * leaves as soon as it has been checked.
   *
   * The body is checked by the contract's schema and sent as given: what a schema makes of it is for the consumer.
   *
   * @param to a queue, or an exchange; what it needs is declared on its first use
   * @throws {UnroutableError} no queue took it; it is not stored
   * @throws {RefusedError} a queue is full or unavailable; it is not stored
   * @throws {NotSentError} the deadline passed, or the signal aborted, before it was written; it is not stored
   * @throws {UnknownOutcomeError} the deadline passed, or the signal aborted, after it was written; it may be stored
   * @throws {BodyInvalidError} the body does not fit the schema; nothing was sent
   * @throws {SurehopError} by `code`, nothing stored: SUREHOP_OPTION_INVALID, SUREHOP_BODY_UNENCODABLE,
   *   SUREHOP_MESSAGE_TOO_LARGE, SUREHOP_HEADERS_TOO_LARGE, SUREHOP_PROPERTIES_INVALID, SUREHOP_PUBLISHER_FULL,
   *   SUREHOP_TOPOLOGY_MISMATCH, SUREHOP_ACCESS_REFUSED, SUREHOP_EXCHANGE_NOT_FOUND, SUREHOP_CLOSED
   */
  publish<In>(
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown>,
    body: NoInfer<In>,
    options?: PublishOptions,
  ): Promise<Receipt>;
  /**
   * Publishes many messages and resolves once the broker has stored all of them. Takes the next body when there is room
   * for it and no other call waits, so that it fills neither the memory nor the publisher; each message's deadline counts
   * from there. Settles only when every message that it has begun is settled.
   *
   * @param bodies one after the other, each checked, encoded and sent as `publish` does. With an asynchronous schema, one
   *   is checked at a time
   * @param options.signal takes no more bodies, and gives up waiting for those on their way
   * @throws {PublishManyError} not all are stored: `failures` says of each which, by the index of its body, and why; where
   *   it stopped before the end, bodies from index `started` on were not taken
   * @throws {SurehopError} SUREHOP_OPTION_INVALID, SUREHOP_CLOSED: nothing was begun
   */
  publishMany<In>(
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown>,
    bodies: Iterable<NoInfer<In>> | AsyncIterable<NoInfer<In>>,
    options?: PublishManyOptions,
  ): Promise<BulkReceipt>;
  /**
   * Publishes bytes without a contract: nothing is declared, checked against a schema or encoded. Settles as `publish`
   * does. The bytes are copied: the caller may use them again at once.
   *
   * @param to the exchange must exist; `''` is the default exchange, where the routing key names the queue
   */
  publishTo(
    to: RawDestination,
    content: Uint8Array,
    properties?: RawProperties,
    options?: RawPublishOptions,
  ): Promise<Receipt>;
  /** What is known now, from memory. */
  health(): PublisherHealth;
  /**
   * Takes no more messages, waits for those on their way, then closes its channels. What is not settled in time rejects
   * as at its deadline, with a cause of code SUREHOP_CLOSE_TIMEOUT. Safe to call twice: the second caller gets the first
   * caller's promise.
   *
   * @param options.timeoutMs how long to wait for what is on its way, in milliseconds. Default 10_000
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * A publisher on a connection. It lives until its `close()` or the connection's.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID, naming the option; SUREHOP_CLOSED on a closed connection
 */
export function createPublisher(rabbit: Rabbit, options: PublisherOptions = {}): Publisher {
  const internals = internalsOf(rabbit);
  const resolved = resolvePublisherOptions(options);
  if (internals.isClosing) throw closed('the connection');
  return new RabbitPublisher(internals, resolved);
}

/** What `close()` waits by default, in milliseconds. */
const closeTimeoutMs = 10_000;
/** Of all headers together, in bytes. */
const maxHeaderBytes = 60_000;
/** What a header frame must have room for beside the headers, in bytes. */
const frameReserveBytes = 1_024;

const noOptions: RawPublishOptions = Object.freeze({});

class RabbitPublisher implements Publisher {
  readonly #internals: RabbitInternals;
  readonly #options: ResolvedPublisherOptions;
  readonly #dispatcher: Dispatcher;
  #session: LinkSession | undefined;
  /** Of the last session: while there is none, a message is checked against it. */
  #limits: OutgoingLimits;
  #closing: Promise<void> | undefined;

  constructor(internals: RabbitInternals, options: ResolvedPublisherOptions) {
    this.#internals = internals;
    this.#options = options;
    this.#dispatcher = new Dispatcher(internals, options);
    this.#limits = this.#limitsOf(Number.POSITIVE_INFINITY, undefined);
    internals.publishers.add(this);
  }

  publish<In>(
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown>,
    body: NoInfer<In>,
    options: PublishOptions = noOptions,
  ): Promise<Receipt> {
    // What is thrown in here rejects.
    return new Promise((resolve, reject) => {
      if (options !== noOptions) checkPublishOptions(options);
      this.#publish(to as Contract, body, options, { resolve, reject });
    });
  }

  async publishMany<In>(
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown>,
    bodies: Iterable<NoInfer<In>> | AsyncIterable<NoInfer<In>>,
    options: PublishManyOptions = {},
  ): Promise<BulkReceipt> {
    this.#assertOpen();
    const each = eachOf(options);
    const contract = to as Contract;
    destinationOf(contract, each.routingKey);
    const { messageId, maxFailures = defaultMaxFailures, signal } = options;
    const bulk = new Bulk({
      bodies: iterable(bodies),
      publish: (body, index, answer) => {
        const own = messageId === undefined ? each : { ...each, messageId: givenId(messageId, index) };
        this.#publish(contract, body, own, answer);
      },
      room: () => this.#dispatcher.room(),
      signal,
      maxFailures,
    });
    return bulk.run();
  }

  publishTo(
    to: RawDestination,
    content: Uint8Array,
    properties: RawProperties = {},
    options: RawPublishOptions = noOptions,
  ): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      this.#assertOpen();
      checkRawOptions(to, properties, options);
      if (!(content instanceof Uint8Array)) {
        const text = `the content for publishTo must be a Uint8Array, got ${kindOf(content)}`;
        throw new SurehopError('SUREHOP_OPTION_INVALID', text, { retryable: false });
      }
      const { headers, messageId, ...given } = properties;
      const complete = this.#properties(messageId, given, given.contentType);
      const message = this.#outgoing(to, Buffer.from(content), complete, headers);
      this.#dispatcher.take(this.#pending(message, undefined, options, { resolve, reject }), undefined);
    });
  }

  health(): PublisherHealth {
    const { unconfirmed, waiting, stalledMs } = this.#dispatcher;
    return { unconfirmed, waiting, stalledMs };
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    try {
      knownKeys('close()', options, ['timeoutMs']);
      const { timeoutMs = closeTimeoutMs } = options;
      integer('timeoutMs', timeoutMs, 0, longestDeadlineMs);
      this.#closing = this.#close(timeoutMs);
    } catch (error) {
      return Promise.reject(error); // nothing was closed
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @throws {SurehopError} what can be refused at once; the options have been checked */
  #publish(contract: Contract, body: unknown, options: PublishOptions, answer: Answer): void {
    this.#assertOpen();
    const destination = destinationOf(contract, options.routingKey);
    const checked = checkBody(contract, body);
    const content = encodeBody(contract, body);
    const properties = this.#properties(options.messageId, options.properties, contract.codec.contentType);
    const message = this.#outgoing(destination, content, properties, options.headers);
    this.#dispatcher.take(this.#pending(message, contract, options, answer), checked);
  }

  /** Everything that can be refused without the broker is refused here. */
  #outgoing(
    { exchange, routingKey }: RawDestination,
    content: Uint8Array,
    properties: MessageProperties,
    headers: HeaderTable | undefined,
  ): OutgoingMessage {
    const message = { exchange, routingKey, mandatory: true, content, properties, headers };
    message.headers = checkOutgoing(message, this.#limitsNow());
    return message;
  }

  #properties(
    givenId: string | undefined,
    given: MessageProperties | undefined,
    contentType: string | undefined,
  ): MessageProperties {
    const { effects } = this.#internals;
    const own = {
      messageId: givenId ?? effects.newId(),
      timestamp: given?.timestamp ?? Math.floor(effects.clock.epochMs() / 1_000),
      deliveryMode: given?.deliveryMode ?? 2,
    };
    const typed = contentType === undefined ? own : { ...own, contentType };
    return given === undefined ? typed : { ...given, ...typed };
  }

  /** Of the connection at hand, or of the last one. */
  #limitsNow(): OutgoingLimits {
    const { session } = this.#internals.publishLink;
    if (session === undefined || session === this.#session) return this.#limits;
    this.#session = session;
    this.#limits = this.#limitsOf(session.frameMax || Number.POSITIVE_INFINITY, session.username); // 0 is no limit
    return this.#limits;
  }

  #limitsOf(frameMax: number, username: string | undefined): OutgoingLimits {
    const { maxMessageBytes } = this.#options;
    return { maxMessageBytes, maxHeaderBytes: Math.min(maxHeaderBytes, frameMax - frameReserveBytes), username };
  }

  #pending(
    message: OutgoingMessage,
    contract: Contract | undefined,
    { deadlineMs = this.#options.deadlineMs, signal }: RawPublishOptions,
    { resolve, reject }: Answer,
  ): Pending {
    return {
      message,
      messageId: message.properties.messageId ?? '',
      contract,
      bytes: weightOf(message.content, message.headers),
      deadlineMs,
      deadlineAt: this.#internals.effects.clock.now() + deadlineMs,
      signal,
      resolve,
      reject,
      stage: 'new',
      sending: undefined,
      standing: undefined,
      pendingAt: undefined,
    };
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closed('the publisher');
  }

  async #close(timeoutMs: number): Promise<void> {
    try {
      await this.#dispatcher.close(timeoutMs);
    } finally {
      this.#internals.publishers.delete(this);
    }
  }
}

function closed(what: string): SurehopError {
  return new SurehopError('SUREHOP_CLOSED', `${what} was closed by close(); nothing is published any more`, {
    retryable: false,
  });
}
