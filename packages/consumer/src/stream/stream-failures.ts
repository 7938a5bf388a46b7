import {
  errorFields,
  type FailureReason,
  fullJitter,
  type OutgoingMessage,
  type RabbitInternals,
  sleep,
} from '@surehop/core/internal';
import type { Copies } from '../copies.ts';
import { bareDeadLetterCopy, type CopyLimits, deadLetterCopy, type Failure } from '../copy-message.ts';
import { UnreadableBody } from '../decide.ts';
import type { Entry } from './stream-subscription.ts';

export interface StreamFailuresOptions {
  readonly internals: RabbitInternals;
  readonly stream: string;
  /** The reader's name. */
  readonly reader: string;
  readonly copies: Copies;
}

export interface LastFailure {
  readonly error: unknown;
  readonly failedAttempts: number;
  readonly reason: FailureReason;
}

/** What every broker offers. */
const smallestFrameMax = 8_192;

/**
 * Says what failed, and has a copy stored in the dead-letter queue before the reader goes on. The message itself stays in
 * the stream, as for every other reader.
 */
export class StreamFailures {
  readonly #options: StreamFailuresOptions;

  constructor(options: StreamFailuresOptions) {
    this.#options = options;
  }

  /** A failure after which it is tried again. */
  say(entry: Entry, attempt: number, error: unknown, delayMs: number): void {
    const { internals } = this.#options;
    const fields = { ...this.#fields(entry), attempt, delayMs, ...thrownFields(error) };
    internals.log.warn(fields, 'a message of the stream failed and is tried again; what follows waits');
  }

  /**
   * True once the dead letter is stored; false when the signal aborted before. A copy that cannot be published as it is
   * goes without its foreign headers, and is tried until it is stored.
   */
  async layAside(entry: Entry, { error, failedAttempts, reason }: LastFailure, giveUp: AbortSignal): Promise<boolean> {
    const { internals, stream, reader, copies } = this.#options;
    const { clock, random } = internals.effects;
    const failure: Failure = {
      message: entry.message,
      queue: stream,
      error: error instanceof UnreadableBody ? error.error : error,
      failedAttempts,
      failedAt: clock.epochMs(),
      inStream: { offset: entry.offset, reader },
    };
    const fields = { ...this.#fields(entry), reason };
    internals.log.error({ ...fields, ...thrownFields(failure.error) }, 'the message goes to the dead-letter queue');
    const backoff = fullJitter({ baseMs: 1_000, maxMs: 30_000, random });
    try {
      for (let attempt = 0; !giveUp.aborted; attempt += 1) {
        const make = attempt === 0 ? deadLetterCopy : bareDeadLetterCopy;
        const copy = this.#made(() => make(failure, reason, this.#limits()));
        const sent = copy === undefined ? uncopyable : await copies.send(copy, giveUp, undefined, entry);
        if (sent.status === 'stored') return true;
        if (sent.status === 'gone') return false;
        copies.noteUnstored(entry);
        const text = 'a message cannot be laid aside as it is; its dead letter is tried again without foreign headers';
        internals.log.error({ ...fields, ...errorFields(sent.error) }, text);
        if (attempt > 0) await sleep(clock, backoff(attempt), giveUp).catch(() => undefined);
      }
      return false;
    } finally {
      copies.forget(entry);
    }
  }

  #limits(): CopyLimits {
    const { publishLink, consumeLink, effects } = this.#options.internals;
    const frameMax = publishLink.session?.frameMax ?? consumeLink.session?.frameMax ?? smallestFrameMax;
    return { frameMax, newId: () => effects.newId() };
  }

  #made(make: () => OutgoingMessage | undefined): OutgoingMessage | undefined {
    try {
      return make();
    } catch (thrown) {
      this.#options.internals.log.error(
        { stream: this.#options.stream, ...errorFields(thrown) },
        'a copy could not be made',
      );
      return undefined;
    }
  }

  #fields({ message, offset }: Entry): Readonly<Record<string, unknown>> {
    const { stream, reader } = this.#options;
    return { stream, reader, offset, messageId: message.properties.messageId };
  }
}

const uncopyable = {
  status: 'impossible',
  error: new Error('its headers are too large or cannot be encoded'),
} as const;

/** For foreign errors: a getter may throw. */
function thrownFields(error: unknown): Readonly<Record<string, unknown>> {
  try {
    return errorFields(error);
  } catch {
    return { error: 'an error that cannot be read' };
  }
}
