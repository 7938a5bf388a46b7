import type { Codec } from '@surehop/core';
import {
  asError,
  ConfirmedChannel,
  deadLetteredAnswer,
  errorFields,
  type FailureReason,
  fullJitter,
  handledAnswer,
  type IncomingMessage,
  type Outcome,
  type OutgoingMessage,
  type RabbitInternals,
  settled,
  unencodableAnswer,
  wantsAnswer,
} from '@surehop/core/internal';
import { encodeAnswer } from './answer-encoding.ts';
import type { Failure } from './copy-message.ts';

/** Answers that wait for their confirm: beyond either, no more are sent, since nothing else bounds them while the broker is away. */
const mostWaiting = 10_000;
const mostWaitingBytes = 64 * 1_024 * 1_024;

export interface AnswersOptions {
  readonly internals: Pick<RabbitInternals, 'publishLink' | 'effects' | 'log' | 'options'>;
  readonly queue: string;
  /** Undefined for a raw queue. */
  readonly codec: Codec | undefined;
}

/**
 * Tells those who wait for it what became of their messages. On the publishing link, on a channel of its own that is
 * opened with the first answer; nothing waits for it, so that an answer which cannot be sent hurts nobody but who asked.
 */
export class Answers {
  readonly #options: AnswersOptions;
  #channel: ConfirmedChannel | undefined;
  #waiting = 0;
  #waitingBytes = 0;
  #fullIsLogged = false;
  #isClosed = false;
  #onIdle: (() => void) | undefined;
  readonly #onOutcome = (outcome: Outcome, answer: OutgoingMessage): void => {
    this.#settled(answer);
    this.#say(outcome, answer);
  };

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** Those that are sent, or to be sent, and not confirmed. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The message is settled as done. Not to be called for one that asks for no answer. */
  handled(request: IncomingMessage, value: unknown): void {
    this.#send(this.#handledAnswer(request, value, this.#options.internals.effects.newId()));
  }

  /** The message is in the dead-letter queue. */
  deadLettered(failure: Failure, reason: FailureReason): void {
    if (!wantsAnswer(failure.message)) return;
    const id = this.#options.internals.effects.newId();
    this.#send(deadLetteredAnswer(failure.message, id, { ...failure, reason }));
  }

  /** Waits for the confirms of those on their way until the signal aborts, then closes the channel. Never rejects. */
  async close(signal: AbortSignal): Promise<void> {
    this.#isClosed = true;
    const channel = this.#channel;
    if (channel === undefined) return;
    if (this.#waiting > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      await settled(idle, signal).catch(() => undefined);
    }
    await settled(channel.close(signal), signal).catch(() => undefined);
  }

  #handledAnswer(request: IncomingMessage, value: unknown, id: string): OutgoingMessage {
    const { queue, codec, internals } = this.#options;
    try {
      return handledAnswer(request, id, encodeAnswer(codec, value));
    } catch (thrown) {
      const error = asError(thrown);
      const fields = { queue, messageId: request.properties.messageId, ...errorFields(error) };
      internals.log.error(fields, 'what a handler returned cannot be sent as an answer; its message is acknowledged');
      return unencodableAnswer(request, id, error);
    }
  }

  #send(answer: OutgoingMessage): void {
    const { content, properties } = answer;
    // A single larger one goes through alone.
    const bytes = this.#waiting === 0 ? 0 : this.#waitingBytes + content.length;
    const isFull = this.#waiting >= mostWaiting || bytes > mostWaitingBytes;
    if (isFull) this.#sayFull(properties.correlationId);
    // Closed: it is of a handler that nobody waited for any more.
    if (isFull || this.#isClosed) return;
    this.#waiting += 1;
    this.#waitingBytes += content.length;
    this.#openChannel().send(answer, this.#onOutcome, answer);
  }

  #settled({ content }: OutgoingMessage): void {
    this.#waiting -= 1;
    this.#waitingBytes -= content.length;
    if (this.#waiting > 0) return;
    this.#fullIsLogged = false;
    this.#onIdle?.();
  }

  #say(outcome: Outcome, { properties }: OutgoingMessage): void {
    if (outcome.status === 'confirmed') return;
    const { queue, internals } = this.#options;
    const fields = { queue, messageId: properties.correlationId };
    if (outcome.status === 'unroutable') {
      internals.log.debug(fields, 'nobody waits for an answer any more');
    } else {
      const why = outcome.status === 'rejected' ? errorFields(outcome.error) : { error: 'the reply queue refused it' };
      internals.log.warn({ ...fields, ...why }, 'an answer could not be sent; its message is settled all the same');
    }
  }

  #sayFull(messageId: string | undefined): void {
    if (this.#fullIsLogged) return;
    this.#fullIsLogged = true;
    const fields = { queue: this.#options.queue, messageId, waiting: this.#waiting };
    this.#options.internals.log.warn(
      fields,
      'too many answers wait to be sent; no more are kept until these are through',
    );
  }

  #openChannel(): ConfirmedChannel {
    const { publishLink, effects, log, options } = this.#options.internals;
    this.#channel ??= new ConfirmedChannel({
      link: publishLink,
      clock: effects.clock,
      log,
      backoff: fullJitter({ baseMs: 100, maxMs: 2_000, random: effects.random }),
      rpcTimeoutMs: options.rpcTimeoutMs,
      confirmStallMs: options.confirmStallMs,
    });
    return this.#channel;
  }
}
