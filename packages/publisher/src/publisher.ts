import {
  type CloseOptions,
  type ExchangeContract,
  type PublisherHealth,
  type QueueContract,
  type Rabbit,
  type StreamContract,
  SurehopError,
} from '@surehop/core';
import { integer, internalsOf, knownKeys, type RabbitInternals } from '@surehop/core/internal';
import { Bulk } from './bulk.ts';
import { Composer } from './composer.ts';
import { Dispatcher } from './dispatcher.ts';
import type { Answer, Contract, Pending } from './pending.ts';
import { type AnsweredPublisher, checkWaitOptions, type PublishAndWaitOptions } from './publish-and-wait.ts';
import {
  checkAllOptions,
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
import { type Asker, Requests } from './requests.ts';

/** Publishes messages and says what became of each. Made by {@link createPublisher}. */
export interface Publisher extends AnsweredPublisher, AsyncDisposable {
  /**
   * Publishes one message and resolves once the broker has stored it in at least one queue.
   *
   * A message whose confirm is lost with the connection is written again, under the same message id, until the deadline;
   * consumers may then see it twice. While the connection is down, or too many messages are on their way, the promise
   * stays pending. Messages to one contract leave in the order of the calls, unless its schema is asynchronous: then each
   * leaves as soon as it has been checked.
   *
   * With `delayMs` or `at` it resolves once the broker has stored the message to wait, and the way from there to the queue
   * or the exchange is declared. What waits is in the broker alone: neither this process nor another has to live.
   *
   * The body is checked by the contract's schema and sent as given: what a schema makes of it is for the consumer.
   *
   * @param to a queue, an exchange or a stream; what it needs is declared on its first use
   * @throws {UnroutableError} no queue took it; it is not stored
   * @throws {RefusedError} a queue is full or unavailable; it is not stored
   * @throws {NotSentError} the deadline passed, or the signal aborted, before it was written; it is not stored
   * @throws {UnknownOutcomeError} the deadline passed, or the signal aborted, after it was written; it may be stored
   * @throws {BodyInvalidError} the body does not fit the schema; nothing was sent
   * @throws {SurehopError} by `code`, nothing stored: SUREHOP_OPTION_INVALID, SUREHOP_BODY_UNENCODABLE,
   *   SUREHOP_MESSAGE_TOO_LARGE, SUREHOP_HEADERS_TOO_LARGE, SUREHOP_PROPERTIES_INVALID, SUREHOP_PUBLISHER_FULL,
   *   SUREHOP_TOPOLOGY_MISMATCH, SUREHOP_ACCESS_REFUSED, SUREHOP_EXCHANGE_NOT_FOUND, SUREHOP_CLOSED; with `sequence`
   *   also SUREHOP_STORE_UNAVAILABLE
   */
  publish<In>(
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown> | StreamContract<In, unknown>,
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
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown> | StreamContract<In, unknown>,
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

const noOptions: RawPublishOptions = Object.freeze({});

class RabbitPublisher implements Publisher {
  readonly #internals: RabbitInternals;
  readonly #options: ResolvedPublisherOptions;
  readonly #dispatcher: Dispatcher;
  readonly #composer: Composer;
  /** Once somebody waits for an answer. */
  #requests: Requests | undefined;
  #closing: Promise<void> | undefined;

  constructor(internals: RabbitInternals, options: ResolvedPublisherOptions) {
    this.#internals = internals;
    this.#options = options;
    this.#dispatcher = new Dispatcher(internals, options);
    this.#composer = new Composer(internals, options, (pending, ready) => this.#dispatcher.take(pending, ready));
    internals.publishers.add(this);
  }

  publish<In>(
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown> | StreamContract<In, unknown>,
    body: NoInfer<In>,
    options: PublishOptions = noOptions,
  ): Promise<Receipt> {
    // What is thrown in here rejects.
    return new Promise((resolve, reject) => {
      if (options !== noOptions) checkAllOptions(options);
      this.#publish(to as Contract, body, options, { resolve, reject });
    });
  }

  publishAndWait<In, Answer = unknown>(
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown>,
    body: NoInfer<In>,
    options: PublishAndWaitOptions<Answer> = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      checkWaitOptions(options);
      this.#assertOpen();
      this.#requests ??= this.#newRequests();
      const asker = { resolve, reject } as Asker;
      this.#requests.ask(to as Contract, options, asker, (asked, answer, when) =>
        this.#publish(to as Contract, body, asked, answer, when),
      );
    });
  }

  async publishMany<In>(
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown> | StreamContract<In, unknown>,
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
      this.#composer.publishTo(to, content, properties, options, { resolve, reject });
    });
  }

  health(): PublisherHealth {
    const { unconfirmed, waiting, stalledMs } = this.#dispatcher;
    return { unconfirmed, waiting, stalledMs, awaitedAnswers: this.#requests?.size ?? 0 };
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
  #publish(
    contract: Contract,
    body: unknown,
    options: PublishOptions,
    answer: Answer,
    when?: Promise<unknown>,
  ): Pending {
    this.#assertOpen();
    return this.#composer.publish(contract, body, options, answer, when);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closed('the publisher');
  }

  #newRequests(): Requests {
    const { maxAwaitedAnswers, deadlineMs: timeoutMs } = this.#options;
    const onAnsweredFirst = (pending: Pending): void => this.#dispatcher.answered(pending);
    return new Requests({ internals: this.#internals, maxAwaitedAnswers, timeoutMs, onAnsweredFirst });
  }

  async #close(timeoutMs: number): Promise<void> {
    try {
      const answered = this.#requests?.whenIdle(timeoutMs);
      await this.#dispatcher.close(timeoutMs);
      await answered;
      await this.#requests?.close();
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
