import { SurehopError } from '@surehop/core';
import { Aborts, answerHeader, answerWanted, Deadlines, type RabbitInternals } from '@surehop/core/internal';
import type { Answer, Contract, Pending } from './pending.ts';
import type { PublishAndWaitOptions } from './publish-and-wait.ts';
import type { PublishOptions } from './publish-options.ts';
import { Replies } from './replies.ts';
import { Request, type RequestHost } from './request.ts';

/** Takes a message on its way, once `when` has resolved where it is given; throws what can be refused at once. */
export type Publish = (options: PublishOptions, answer: Answer, when: Promise<unknown> | undefined) => Pending;

export interface RequestsOptions {
  readonly internals: RabbitInternals;
  readonly maxAwaitedAnswers: number;
  /** For a call that says none, in milliseconds. */
  readonly timeoutMs: number;
  /** It was answered: its confirm is waited for no longer, and it is not written again. */
  readonly onAnsweredFirst: (pending: Pending) => void;
}

/** How long the farewell to the reply queue may take, in milliseconds. */
const farewellMs = 2_000;

/** Whoever waits for an answer. */
export interface Asker {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** All calls of one publisher that wait for an answer. */
export class Requests implements RequestHost {
  readonly #options: RequestsOptions;
  readonly #replies: Replies;
  /** Those that are stored: before that, the publish has a deadline and a signal of its own. */
  readonly #deadlines: Deadlines<Request>;
  readonly #aborts: Aborts<Request>;
  #size = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: RequestsOptions) {
    const { clock } = options.internals.effects;
    this.#options = options;
    this.#replies = Replies.join(options.internals);
    this.#deadlines = new Deadlines(clock, (request) => request.giveUp(`no answer came in ${request.timeoutMs} ms`));
    this.#aborts = new Aborts((request) => request.giveUp('the caller aborted it', request.signal?.reason));
  }

  /** Calls that are not settled. */
  get size(): number {
    return this.#size;
  }

  /** @throws {SurehopError} what can be refused at once; the options have been checked */
  ask(contract: Contract, given: PublishAndWaitOptions, asker: Asker, publish: Publish): void {
    const { internals, maxAwaitedAnswers } = this.#options;
    const { effects } = internals;
    const { timeoutMs = this.#options.timeoutMs, answer: schema, ...rest } = given;
    const { messageId = effects.newId(), signal } = given;
    if (this.#size >= maxAwaitedAnswers) throw full(messageId, this.#size);
    const deadlineAt = effects.clock.now() + timeoutMs;
    const isToQueue = contract?.kind === 'queue';
    const codec = contract?.codec;
    const request = new Request({ messageId, codec, schema, timeoutMs, deadlineAt, signal, isToQueue, ...asker }, this);
    this.#replies.expect(messageId, request);
    this.#size += 1;
    try {
      const properties = { ...given.properties, replyTo: this.#replies.address };
      const headers = { ...given.headers, [answerHeader]: answerWanted };
      request.pending = publish(
        { ...rest, messageId, deadlineMs: timeoutMs, properties, headers },
        { resolve: () => request.onStored(), reject: (error) => request.onNotStored(error) },
        this.#replies.whenStanding(),
      );
    } catch (error) {
      request.onNotStored(error);
    }
  }

  onStored(request: Request): void {
    const { signal } = request;
    if (signal?.aborted) {
      request.giveUp('the caller aborted it', signal.reason);
    } else {
      this.#deadlines.add(request);
      this.#aborts.add(request);
    }
  }

  onAnsweredFirst(pending: Pending): void {
    this.#options.onAnsweredFirst(pending);
  }

  onSettled(request: Request): void {
    this.#deadlines.delete(request);
    this.#aborts.delete(request);
    this.#replies.forget(request.messageId);
    this.#size -= 1;
    if (this.#size === 0) this.#onIdle?.();
  }

  /** Resolves once all are settled, or after so long. */
  whenIdle(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#size === 0) return resolve();
      const cancel = this.#options.internals.effects.clock.setTimeout(resolve, timeoutMs);
      this.#onIdle = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Gives up those that are stored, and lets the reply queue go. Never rejects. */
  async close(): Promise<void> {
    const { clock } = this.#options.internals.effects;
    const text = 'close() did not wait for its answer any longer';
    const cause = new SurehopError('SUREHOP_CLOSE_TIMEOUT', text, { retryable: false });
    for (const request of this.#deadlines.items()) request.giveUp(text, cause);
    await this.#replies.leave(clock.deadline(farewellMs));
  }
}

function full(messageId: string, size: number): SurehopError {
  const text = `message ${messageId} was not sent and is not stored: ${size} others wait for their answers`;
  return new SurehopError('SUREHOP_PUBLISHER_FULL', text, { retryable: true });
}
