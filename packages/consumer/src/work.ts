import type { Handler, Logger, ReceivedMessage } from '@surehop/core';
import {
  type BodyRule,
  type Clock,
  type DecodedBody,
  decodeBody,
  type FailureRecord,
  guardedLogger,
  type IncomingMessage,
  readFailure,
} from '@surehop/core/internal';
import { stillToWait, UnreadableBody } from './decide.ts';
import { type Delivery, type MessageFields, messageFields, type Slot } from './delivery.ts';
import type { Failures } from './failures.ts';
import { HandlerRun, type Outcome } from './handler-run.ts';

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

/** What a consumer does with each delivery, whatever subscription it comes through. */
export class Work {
  readonly #options: WorkOptions;
  /** Handlers that have not returned, those of lost channels included. */
  readonly #runs = new Set<HandlerRun>();
  #awaited = 0;
  #stuck = 0;

  constructor(options: WorkOptions) {
    this.#options = options;
  }

  /** Handlers that something is still expected of, whatever subscription they came through. */
  get awaitedHandlers(): number {
    return this.#awaited;
  }

  get stuckHandlers(): number {
    return this.#stuck;
  }

  /** Starts the handler. Undefined when it needs none: the message came too early and is sent on. */
  take(delivery: Delivery, slot: Slot): HandlerRun | undefined {
    const { clock, handlerTimeoutMs, handlerGraceMs, failures } = this.#options;
    const { message } = delivery;
    const record = readFailure(message.headers);
    const waitMs = stillToWait(record, clock.epochMs());
    if (waitMs !== undefined) {
      failures.sendOn(delivery, record, waitMs);
      return undefined;
    }
    const run: HandlerRun = new HandlerRun({
      clock,
      timeoutMs: handlerTimeoutMs,
      graceMs: handlerGraceMs,
      onOutcome: (outcome) => {
        this.#awaited -= 1;
        if (outcome === undefined) return;
        if (outcome.status === 'done') delivery.settle('ack');
        else failures.settle(delivery, record, outcome.error);
      },
      onStuck: () => {
        this.#stuck += 1;
        this.#options.log.error(
          this.#fields(message, record),
          'a handler ran past its time limit and has not returned',
        );
        slot.onStuck();
      },
      onReturned: ({ late, wasStuck }) => {
        this.#runs.delete(run);
        if (wasStuck) this.#stuck -= 1;
        if (late !== undefined) this.#logLate(message, record, late);
        slot.onReturned(wasStuck);
      },
    });
    this.#runs.add(run);
    this.#awaited += 1;
    run.start(() => this.#call(run, delivery, record));
    return run;
  }

  /** Leaves no timer behind, whatever still runs. */
  unwatch(): void {
    for (const run of this.#runs) run.unwatch();
  }

  #call(run: HandlerRun, delivery: Delivery, record: FailureRecord): unknown {
    const { handler, body } = this.#options;
    const { content, properties } = delivery.message;
    const receive = (decoded: DecodedBody<unknown>): unknown => {
      if (!decoded.ok) throw new UnreadableBody(decoded.reason, decoded.error);
      return handler(this.#received(run, delivery, record, decoded.body) as ReceivedMessage<never>);
    };
    if (body === undefined) return receive({ ok: true, body: content });
    const decoded = decodeBody(body, properties.contentType, content);
    return decoded instanceof Promise ? decoded.then(receive) : receive(decoded);
  }

  #received(run: HandlerRun, delivery: Delivery, record: FailureRecord, body: unknown): ReceivedMessage<unknown> {
    const { queue, log } = this.#options;
    const { message, deliveryCount } = delivery;
    const fields = this.#fields(message, record);
    let child: Logger | undefined;
    return {
      body,
      content: message.content,
      properties: message.properties,
      headers: message.headers,
      attempt: fields.attempt,
      redelivered: message.redelivered,
      deliveryCount,
      exchange: message.exchange,
      routingKey: message.routingKey,
      queue,
      // Most handlers ask for neither, and both cost more than the rest of a message.
      get signal() {
        return run.signal;
      },
      get log() {
        child ??= guardedLogger(log, fields);
        return child;
      },
    };
  }

  #fields(message: IncomingMessage, record: FailureRecord): MessageFields {
    return messageFields(this.#options.queue, message, record);
  }

  #logLate(message: IncomingMessage, record: FailureRecord, late: Outcome): void {
    const fields = { ...this.#fields(message, record), outcome: late.status };
    this.#options.log.warn(fields, 'a handler returned after its message was settled or taken back; that is ignored');
  }
}
