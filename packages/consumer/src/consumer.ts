import {
  type CloseOptions,
  type ConsumerHealth,
  type Handler,
  type QueueContract,
  type Rabbit,
  SurehopError,
} from '@surehop/core';
import { functionOption, integer, internalsOf, invalid, knownKeys, type RabbitInternals } from '@surehop/core/internal';
import type { Answers } from './answers.ts';
import {
  type ConsumerOptions,
  type RawConsumerOptions,
  type RawQueue,
  type ResolvedConsumerOptions,
  resolveConsumerOptions,
} from './consumer-options.ts';
import { consumerParts } from './consumer-parts.ts';
import type { Copies } from './copies.ts';
import type { Intake } from './intake.ts';
import type { Order } from './order.ts';
import type { Resequencing } from './resequencing/resequencing.ts';
import { type Source, sourceOf } from './source.ts';
import type { Work } from './work.ts';

/** Takes messages from one queue and settles each by what its handler does. Made by {@link createConsumer}. */
export interface Consumer extends AsyncDisposable {
  readonly queue: string;
  /**
   * Takes no more messages; those not started go back to the queue, running handlers finish. Resolves once the broker
   * hands out no more. It stays so through lost connections, until `resume()`.
   */
  pause(): Promise<void>;
  /** Takes messages again. Resolves once the broker hands them out, or once it is paused again or closed. */
  resume(): Promise<void>;
  /**
   * Lets a halted key go on with its next message: the dead one is acknowledged. Only with `afterDeadLetter: 'halt'`.
   *
   * @returns false when no such key is halted in this process now
   */
  release(key: string | number): boolean;
  /** What is known now, from memory. */
  health(): ConsumerHealth;
  /**
   * Takes no more messages, gives back those not started, waits for running handlers and for the confirms of retries and
   * dead letters. After the time limit, signals are aborted and the messages of handlers that still run are given back;
   * no attempt is counted. Safe to call twice: the second caller gets the first caller's promise.
   *
   * @param options.timeoutMs how long to wait for running handlers, in milliseconds. Default `drainTimeoutMs`
   * @throws {SurehopError} SUREHOP_OPTION_INVALID for a wrong `timeoutMs` or an unknown option, and nothing else; nothing is closed then
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Consumes a queue: declares what its contract describes, and calls the handler for each message. Resolves once the
 * broker hands out messages. From then on the consumer comes back from whatever ends its subscription.
 *
 * A handler that returns acknowledges its message. One that throws has it again after the next delay of the contract,
 * and in the dead-letter queue after the last.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID; at once TOPOLOGY_MISMATCH (also a raw queue that does not exist, and a stream),
 *   ACCESS_REFUSED and CLOSED; SUREHOP_CONNECT_TIMEOUT after `startTimeoutMs`. Nothing is left behind then
 */
export function createConsumer<In, Out>(
  rabbit: Rabbit,
  queue: QueueContract<In, Out>,
  handler: Handler<Out>,
  options?: ConsumerOptions<Out>,
): Promise<Consumer>;
/** The same for a queue without a contract: it is not declared, only what stands around it, and bodies are bytes. */
export function createConsumer(
  rabbit: Rabbit,
  queue: RawQueue,
  handler: Handler<Uint8Array>,
  options?: RawConsumerOptions,
): Promise<Consumer>;
export async function createConsumer(
  rabbit: Rabbit,
  queue: QueueContract | RawQueue,
  handler: Handler<never>,
  options: RawConsumerOptions = {},
): Promise<Consumer> {
  return openConsumer(rabbit, queue, handler, options);
}

/** For this package: with what is no promise to others. */
export async function openConsumer(
  rabbit: Rabbit,
  queue: QueueContract | RawQueue,
  handler: Handler<never>,
  options: RawConsumerOptions,
  onClosing: () => void = () => undefined,
): Promise<QueueConsumer> {
  const source = sourceOf(queue, options);
  functionOption('the handler', handler);
  const resolved = resolveConsumerOptions(options, source.isRaw);
  if (resolved.rule !== undefined) checkOrder(source);
  if (resolved.resequence !== undefined) checkRetries('resequence', source);
  const internals = internalsOf(rabbit);
  if (internals.isClosing) throw closedError();
  const consumer = new QueueConsumer(internals, source, handler, resolved, onClosing);
  await consumer.start();
  return consumer;
}

export class QueueConsumer implements Consumer {
  readonly queue: string;
  readonly #internals: RabbitInternals;
  readonly #options: ResolvedConsumerOptions;
  readonly #copies: Copies;
  readonly #waitingCopies: Copies;
  readonly #answers: Answers;
  readonly #order: Order | undefined;
  readonly #work: Work;
  readonly #resequencing: Resequencing | undefined;
  readonly #intake: Intake;
  readonly #onClosing: () => void;
  #closing: Promise<void> | undefined;

  constructor(
    internals: RabbitInternals,
    source: Source,
    handler: Handler<never>,
    options: ResolvedConsumerOptions,
    onClosing: () => void,
  ) {
    this.queue = source.queue;
    this.#internals = internals;
    this.#options = options;
    this.#onClosing = onClosing;
    const parts = consumerParts(internals, source, handler, options);
    const { copies, waitingCopies, answers, order, resequencing, work, intake } = parts;
    this.#copies = copies;
    this.#waitingCopies = waitingCopies;
    this.#answers = answers;
    this.#order = order;
    this.#resequencing = resequencing;
    this.#work = work;
    this.#intake = intake;
  }

  async start(): Promise<void> {
    const { effects, consumers, consumeLink } = this.#internals;
    const { startTimeoutMs } = this.#options;
    consumers.add(this);
    this.#intake.start();
    const deadline = effects.clock.deadline(startTimeoutMs);
    try {
      await this.#intake.whenConsuming(deadline);
    } catch (thrown) {
      const { state } = consumeLink;
      const linkFailure = state.phase === 'waiting' ? state.cause : undefined;
      await this.close({ timeoutMs: 0 });
      const cause = this.#intake.lastFailure ?? linkFailure;
      throw deadline.aborted ? startTimeout(this.queue, startTimeoutMs, cause) : thrown;
    }
    if (this.#closing === undefined) return;
    await this.#closing;
    throw closedError();
  }

  get isFed(): boolean {
    return this.#intake.isFed;
  }

  get inHand(): number {
    return this.#intake.inHand;
  }

  /** Finishes what is at work, gives the rest back, and subscribes anew, behind other consumers of the queue. */
  stepBack(): void {
    this.#intake.stepBack();
  }

  async pause(): Promise<void> {
    await this.#intake.pause();
  }

  async resume(): Promise<void> {
    await this.#intake.resume();
  }

  release(key: string | number): boolean {
    return this.#order?.release(String(key)) ?? false;
  }

  health(): ConsumerHealth {
    const { phase, inHand, isQuarantined } = this.#intake;
    const { stuckHandlers } = this.#work;
    const health = {
      queue: this.queue,
      phase,
      inHand,
      quarantine: isQuarantined,
      stuckHandlers,
      unstoredCopies: this.#copies.unstored + this.#waitingCopies.unstored,
    };
    const order = this.#order;
    if (order !== undefined) {
      const { delayedKeys, haltedKeys, laidAside } = order;
      return { ...health, order: { delayedKeys, haltedKeys, laidAside } };
    }
    return this.#resequencing?.halted === undefined ? health : { ...health, halted: true };
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    try {
      knownKeys('close()', options, ['timeoutMs']);
      const { timeoutMs = this.#options.drainTimeoutMs } = options;
      integer('timeoutMs', timeoutMs, 0);
      this.#closing = this.#close(timeoutMs);
    } catch (error) {
      return Promise.reject(error); // nothing was closed
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    const { effects, consumers, options } = this.#internals;
    this.#onClosing();
    await this.#intake.close(timeoutMs);
    this.#resequencing?.close();
    this.#work.unwatch();
    const farewell = effects.clock.deadline(Math.min(options.rpcTimeoutMs, 2_000));
    const outlets = [this.#copies, this.#waitingCopies, this.#answers];
    await Promise.all(outlets.map((outlet) => outlet.close(farewell)));
    consumers.delete(this);
  }
}

/** Whether its queue can be consumed in order. */
function checkOrder(source: Source): void {
  if (!source.keepsOrder) {
    invalid(
      `orderBy needs singleActiveConsumer: true in the contract of queue "${source.queue}": without it, another process could overtake`,
    );
  }
  checkRetries('orderBy', source);
}

/** Whether what a lost channel gives back to its queue comes again at once. */
function checkRetries(option: string, { queue, retry }: Source): void {
  if (retry.broker === undefined) return;
  invalid(
    `${option} needs another retry than the broker's in the contract of queue "${queue}": such a queue keeps back what a lost channel gives back to it, and later messages would overtake`,
  );
}

function closedError(): SurehopError {
  return new SurehopError('SUREHOP_CLOSED', 'the connection was closed by close(); nothing is consumed any more', {
    retryable: false,
  });
}

function startTimeout(queue: string, timeoutMs: number, cause: Error | undefined): SurehopError {
  const why = cause === undefined ? '' : `: ${cause.message}`;
  return new SurehopError(
    'SUREHOP_CONNECT_TIMEOUT',
    `queue "${queue}" could not be consumed within ${timeoutMs} ms${why}`,
    {
      retryable: true,
      cause,
    },
  );
}
