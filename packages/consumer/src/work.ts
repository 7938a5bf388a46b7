import type { Handler, Logger, SurehopError } from '@surehop/core';
import {
  type Attempts,
  attemptsOf,
  type BodyRule,
  type Clock,
  type DecodedBody,
  decodeBody,
  type IncomingMessage,
  wantsAnswer,
} from '@surehop/core/internal';
import type { Answers } from './answers.ts';
import { stillToWait, UnreadableBody } from './decide.ts';
import { type Delivery, messageFields, type Running, type Slots } from './delivery.ts';
import type { Failures } from './failures.ts';
import { HandlerRun, type Job, type Outcome, type Returned } from './handler-run.ts';
import type { Order } from './order.ts';
import { failedDeliveriesOf } from './quarantine.ts';
import { Received } from './received.ts';
import { TimeLimit } from './time-limit.ts';

export interface WorkOptions {
  readonly queue: string;
  readonly handler: Handler<never>;
  /** Undefined for a raw queue: the body is the bytes. */
  readonly body: BodyRule | undefined;
  readonly handlerTimeoutMs: number;
  readonly handlerGraceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly failures: Failures;
  readonly answers: Answers;
  /** Its failures are counted by the broker, beside those that our header counts. */
  readonly isRetriedByBroker: boolean;
  /** Undefined where messages are handled in any order. */
  readonly order: Order | undefined;
}

/** Handlers that have not returned, those of lost channels included. */
interface Tally {
  /** Something is still expected of them. */
  awaited: number;
  stuck: number;
}

/** What a consumer does with each delivery, whatever subscription it comes through. */
export class Work {
  readonly #options: WorkOptions;
  readonly #limit: TimeLimit;
  readonly #tally: Tally = { awaited: 0, stuck: 0 };

  constructor(options: WorkOptions) {
    this.#options = options;
    this.#limit = new TimeLimit(options.clock, options.handlerTimeoutMs);
  }

  /** Handlers that something is still expected of, whatever subscription they came through. */
  get awaitedHandlers(): number {
    return this.#tally.awaited;
  }

  get stuckHandlers(): number {
    return this.#tally.stuck;
  }

  /** Starts the handler. Undefined when it needs none: the message came too early and is sent on. */
  take(delivery: Delivery, slots: Slots): Running | undefined {
    const { clock, failures } = this.#options;
    const { message, turn } = delivery;
    const attempts = turn?.attempts ?? this.#attemptsOf(message);
    // What is in order has waited for its time in hand.
    const isTimed = turn === undefined && attempts.notBefore !== undefined;
    const waitMs = isTimed ? stillToWait(attempts, clock.epochMs()) : undefined;
    if (waitMs !== undefined) {
      failures.sendOn(delivery, attempts, waitMs);
      return undefined;
    }
    const handling = new Handling(this.#options, this.#limit, this.#tally, delivery, attempts, slots);
    handling.start();
    return handling;
  }

  #attemptsOf(message: IncomingMessage): Attempts {
    const attempts = attemptsOf(message);
    if (!this.#options.isRetriedByBroker) return attempts;
    return { ...attempts, failedAttempts: attempts.failedAttempts + failedDeliveriesOf(message) };
  }

  /** Leaves no timer behind, whatever still runs. */
  unwatch(): void {
    this.#limit.unwatch();
  }
}

/** One delivery with its handler. */
class Handling implements Job, Running {
  readonly delivery: Delivery;
  place = -1;
  readonly #run: HandlerRun;
  readonly #options: WorkOptions;
  readonly #tally: Tally;
  readonly #attempts: Attempts;
  readonly #slots: Slots;
  readonly #isAsked: boolean;
  /** What the handler returned, where it is asked for. */
  #returned: unknown;

  constructor(
    options: WorkOptions,
    limit: TimeLimit,
    tally: Tally,
    delivery: Delivery,
    attempts: Attempts,
    slots: Slots,
  ) {
    this.delivery = delivery;
    this.#run = new HandlerRun(this, limit, options.handlerGraceMs);
    this.#options = options;
    this.#tally = tally;
    this.#attempts = attempts;
    this.#slots = slots;
    this.#isAsked = wantsAnswer(delivery.message);
  }

  get isAwaited(): boolean {
    return this.#run.isAwaited;
  }

  start(): void {
    this.#tally.awaited += 1;
    this.delivery.begun?.();
    this.#run.start();
  }

  abandon(reason: SurehopError): void {
    this.#run.abandon(reason);
  }

  call(): unknown {
    const { body } = this.#options;
    const { message, turn } = this.delivery;
    if (turn !== undefined) return this.#handle(turn.body);
    if (body === undefined) return this.#handle(message.content);
    const decoded = decodeBody(body, message.properties.contentType, message.content);
    return decoded instanceof Promise ? decoded.then((later) => this.#receive(later)) : this.#receive(decoded);
  }

  onOutcome(outcome: Outcome | undefined): void {
    this.#tally.awaited -= 1;
    const { failures, answers, order } = this.#options;
    if (outcome === undefined) {
      order?.abandoned(this.delivery);
      return;
    }
    if (outcome.status === 'failed') {
      failures.settle(this.delivery, this.#attempts, outcome.error);
      return;
    }
    this.delivery.settle('ack');
    if (this.#isAsked) answers.handled(this.delivery.message, this.#returned);
  }

  onStuck(): void {
    this.#tally.stuck += 1;
    this.#options.log.error(this.#fields, 'a handler ran past its time limit and has not returned');
    this.#left();
    this.#slots.onStuck();
  }

  onReturned({ late, wasStuck }: Returned): void {
    if (wasStuck) this.#tally.stuck -= 1;
    else this.#left();
    if (late !== undefined) this.#logLate(late);
    this.#slots.onReturned(this, wasStuck);
  }

  #left(): void {
    this.#options.order?.left(this.delivery);
    this.delivery.left?.();
  }

  #receive(decoded: DecodedBody<unknown>): unknown {
    if (!decoded.ok) throw new UnreadableBody(decoded.reason, decoded.error);
    return this.#handle(decoded.body);
  }

  #handle(body: unknown): unknown {
    const { handler } = this.#options;
    const returned = handler(new Received(this.#run, this.delivery, this.#attempts, body, this.#options) as never);
    return this.#isAsked ? this.#keep(returned) : returned;
  }

  async #keep(returned: unknown): Promise<void> {
    this.#returned = await returned;
  }

  get #fields(): Readonly<Record<string, unknown>> {
    return messageFields(this.#options.queue, this.delivery.message, this.#attempts);
  }

  #logLate(late: Outcome): void {
    const fields = { ...this.#fields, outcome: late.status };
    this.#options.log.warn(fields, 'a handler returned after its message was settled or taken back; that is ignored');
  }
}
