import { type Codec, DeadLetteredError, NoAnswerError, type QueueOptions, SurehopError } from '@surehop/core';
import { type Answer, decodeBody, type Place } from '@surehop/core/internal';
import type { Pending } from './pending.ts';
import type { Waiting } from './replies.ts';

export interface RequestOptions {
  readonly messageId: string;
  readonly codec: Codec;
  readonly schema: QueueOptions['schema'];
  readonly timeoutMs: number;
  /** By the clock. */
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
  /** Whether an answer proves that the message is stored, since there is one queue that it can be in. */
  readonly isToQueue: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What a request tells. */
export interface RequestHost {
  /** It is stored, and waits from now on: for its answer, or for what the schema says to that. */
  onStored(request: Request): void;
  /** It is answered though its confirm has not come: nobody need wait for that one any more. */
  onAnsweredFirst(pending: Pending): void;
  /** Told once. */
  onSettled(request: Request): void;
}

/**
 * One message and whoever waits for its answer.
 *
 *   publishing ──confirmed──▶ stored ──answer──▶ settled
 *        ├──answer──▶ answered ──confirmed──────────▲     (an exchange: each of its queues is to have it)
 *        └──answer (a queue's), or not stored───────┘
 */
export class Request implements Waiting {
  readonly messageId: string;
  readonly deadlineAt: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** As `WithDeadline` has it. */
  pendingAt: Place<unknown> | undefined = undefined;
  /** Once it is on its way. */
  pending: Pending | undefined;
  readonly #options: RequestOptions;
  readonly #host: RequestHost;
  #isStored = false;
  #isSettled = false;
  #answer: Answer | undefined;
  /** The reply queue was gone meanwhile. */
  #gone: 'made again' | 'replaced' | undefined;

  constructor(options: RequestOptions, host: RequestHost) {
    this.#options = options;
    this.#host = host;
    this.messageId = options.messageId;
    this.deadlineAt = options.deadlineAt;
    this.timeoutMs = options.timeoutMs;
    this.signal = options.signal;
  }

  onStored(): void {
    if (this.#isSettled) return;
    this.#isStored = true;
    if (this.#answer !== undefined) this.#conclude(this.#answer);
    else if (this.#gone === 'replaced') this.onGone(true);
    // An answer that is there may still wait for its schema.
    if (!this.#isSettled) this.#host.onStored(this);
  }

  onNotStored(error: unknown): void {
    this.#reject(error);
  }

  onAnswer(answer: Answer): void {
    if (this.#isSettled || this.#answer !== undefined) return;
    this.#answer = answer;
    if (this.#isStored) this.#conclude(answer);
    // Not written again: it would be handled again. Its `onStored` comes of this.
    else if (this.#options.isToQueue && this.pending !== undefined) this.#host.onAnsweredFirst(this.pending);
    else this.#answer = kept(answer);
  }

  onGone(isReplaced: boolean): void {
    this.#gone = isReplaced ? 'replaced' : 'made again';
    if (isReplaced && this.#isStored) this.giveUp('its reply queue was lost, with the node that had it');
  }

  /** No answer has come. */
  giveUp(why: string, cause?: unknown): void {
    const doubt = this.#gone === 'made again' ? '; its reply queue was gone meanwhile, perhaps with the answer' : '';
    if (this.#answer === undefined) this.#reject(new NoAnswerError(this.messageId, `${why}${doubt}`, { cause }));
    else this.#reject(this.#unreadable('its schema has not said whether it fits', cause));
  }

  #conclude(answer: Answer): void {
    if (answer.kind === 'handled') this.#handled(answer.body);
    else if (answer.kind === 'dead-lettered') this.#reject(new DeadLetteredError(this.messageId, answer));
    else this.#reject(this.#unreadable(`what its handler returned cannot be sent: ${answer.why}`));
  }

  #handled(body: Extract<Answer, { readonly kind: 'handled' }>['body']): void {
    const { codec, schema } = this.#options;
    if (body === undefined) {
      if (schema === undefined) this.#resolve(undefined);
      else this.#reject(this.#unreadable('its handler returned nothing'));
      return;
    }
    const decoded = decodeBody({ codec, schema }, body.contentType, body.content);
    if (decoded instanceof Promise) void decoded.then((later) => this.#decoded(later));
    else this.#decoded(decoded);
  }

  #decoded(decoded: Awaited<ReturnType<typeof decodeBody>>): void {
    if (!decoded.ok) this.#reject(this.#unreadable(decoded.error.message, decoded.error));
    // Bytes as they came are a view into a buffer of the connection's.
    else this.#resolve(decoded.body instanceof Uint8Array ? Buffer.from(decoded.body) : decoded.body);
  }

  #unreadable(why: string, cause?: unknown): SurehopError {
    const text = `message ${this.messageId} was stored and handled; its answer cannot be read: ${why}`;
    return new SurehopError('SUREHOP_ANSWER_UNREADABLE', text, { retryable: false, cause });
  }

  #resolve(value: unknown): void {
    if (this.#settle()) this.#options.resolve(value);
  }

  #reject(error: unknown): void {
    if (this.#settle()) this.#options.reject(error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#host.onSettled(this);
    return true;
  }
}

/** Its bytes are a view into a buffer of the connection's. */
function kept(answer: Answer): Answer {
  if (answer.kind !== 'handled' || answer.body === undefined) return answer;
  const { content, contentType } = answer.body;
  return { kind: 'handled', body: { content: Buffer.from(content), contentType } };
}
