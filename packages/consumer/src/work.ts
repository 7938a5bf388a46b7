import type { Handler, Logger, SurehopError } from '@surehop/core';
import {
  type Attempts,
  type BodyRule,
  type Clock,
  type DecodedBody,
  decodeBody,
  readAttempts,
} from '@surehop/core/internal';
import { stillToWait, UnreadableBody } from './decide.ts';
import { type Delivery, messageFields, type Running, type Slots } from './delivery.ts';
import type { Failures } from './failures.ts';
import { HandlerRun, type Job, type Outcome, type Returned } from './handler-run.ts';
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
    const attempts = readAttempts(delivery.message.headers);
    const waitMs = attempts.notBefore === undefined ? undefined : stillToWait(attempts, clock.epochMs());
    if (waitMs !== undefined) {
      failures.sendOn(delivery, attempts, waitMs);
      return undefined;
    }
    const handling = new Handling(this.#options, this.#limit, this.#tally, delivery, attempts, slots);
    handling.start();
    return handling;
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
  }

  get isAwaited(): boolean {
    return this.#run.isAwaited;
  }

  start(): void {
    this.#tally.awaited += 1;
    this.#run.start();
  }

  abandon(reason: SurehopError): void {
    this.#run.abandon(reason);
  }

  call(): unknown {
    const { body } = this.#options;
    const { message } = this.delivery;
    if (body === undefined) return this.#handle(message.content);
    const decoded = decodeBody(body, message.properties.contentType, message.content);
    return decoded instanceof Promise ? decoded.then((later) => this.#receive(later)) : this.#receive(decoded);
  }

  onOutcome(outcome: Outcome | undefined): void {
    this.#tally.awaited -= 1;
    if (outcome === undefined) return;
    if (outcome.status === 'done') this.delivery.settle('ack');
    else this.#options.failures.settle(this.delivery, this.#attempts, outcome.error);
  }

  onStuck(): void {
    this.#tally.stuck += 1;
    this.#options.log.error(this.#fields, 'a handler ran past its time limit and has not returned');
    this.#slots.onStuck();
  }

  onReturned({ late, wasStuck }: Returned): void {
    if (wasStuck) this.#tally.stuck -= 1;
    if (late !== undefined) this.#logLate(late);
    this.#slots.onReturned(this, wasStuck);
  }

  #receive(decoded: DecodedBody<unknown>): unknown {
    if (!decoded.ok) throw new UnreadableBody(decoded.reason, decoded.error);
    return this.#handle(decoded.body);
  }

  #handle(body: unknown): unknown {
    const { handler } = this.#options;
    return handler(new Received(this.#run, this.delivery, this.#attempts, body, this.#options) as never);
  }

  get #fields(): Readonly<Record<string, unknown>> {
    return messageFields(this.#options.queue, this.delivery.message, this.#attempts);
  }

  #logLate(late: Outcome): void {
    const fields = { ...this.#fields, outcome: late.status };
    this.#options.log.warn(fields, 'a handler returned after its message was settled or taken back; that is ignored');
  }
}
