import { SurehopError } from '@surehop/core';
import {
  type Answer,
  answeredId,
  type IncomingMessage,
  type RabbitInternals,
  readAnswer,
} from '@surehop/core/internal';
import { ReplyQueue } from './reply-queue.ts';

/** Somebody who waits for the answer to one message. */
export interface Waiting {
  onAnswer(answer: Answer): void;
  /** The answer may have been lost with the reply queue; it has been, when the queue was replaced. */
  onGone(isReplaced: boolean): void;
}

/** What all publishers of one connection wait for, and the one queue that their answers come to. */
export class Replies {
  static readonly #ofConnection = new WeakMap<RabbitInternals, Replies>();

  readonly #internals: RabbitInternals;
  readonly #queue: ReplyQueue;
  /** By message id. Its entries live as long as a handler runs: what is wrong with maps for what lives shorter, is not with this. */
  readonly #waiting = new Map<string, Waiting>();
  #users = 0;

  /** Those of this connection; they end when everybody has left them. */
  static join(internals: RabbitInternals): Replies {
    const known = Replies.#ofConnection.get(internals) ?? new Replies(internals);
    Replies.#ofConnection.set(internals, known);
    known.#users += 1;
    return known;
  }

  private constructor(internals: RabbitInternals) {
    this.#internals = internals;
    this.#queue = new ReplyQueue({
      internals,
      onAnswer: (answer) => this.#onAnswer(answer),
      onGone: (isReplaced) => {
        for (const one of [...this.#waiting.values()]) one.onGone(isReplaced);
      },
    });
  }

  /** Where answers are to be sent, in `reply_to`. */
  get address(): string {
    return this.#queue.name;
  }

  /** Undefined when a message may be published with this address; otherwise settles once it may. */
  whenStanding(): Promise<void> | undefined {
    return this.#queue.whenStanding();
  }

  /** @throws {SurehopError} SUREHOP_OPTION_INVALID when somebody waits for this message already */
  expect(messageId: string, waiting: Waiting): void {
    if (this.#waiting.has(messageId)) {
      const text = `message ${messageId} is waited for already: two at once could not tell their answers apart`;
      throw new SurehopError('SUREHOP_OPTION_INVALID', text, { retryable: false });
    }
    this.#waiting.set(messageId, waiting);
  }

  forget(messageId: string): void {
    this.#waiting.delete(messageId);
  }

  /** Deletes the queue when nobody uses it any more. Never rejects. */
  async leave(signal: AbortSignal): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    Replies.#ofConnection.delete(this.#internals);
    await this.#queue.close(signal);
  }

  #onAnswer(message: IncomingMessage): void {
    const answer = readAnswer(message);
    const id = answeredId(message);
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    // Too late, or once more: its message was handled twice.
    if (answer !== undefined) waiting?.onAnswer(answer);
  }
}
