import type { Logger } from './logger.ts';
import type { HeaderTable, MessageProperties } from './message.ts';
import { boolean, integer, nonEmptyString } from './option-checks.ts';
import { longestDelayMs } from './retry-policy.ts';

/**
 * One message, as a handler gets it. Pass it on whole: what is made only when it is read (`properties`, `headers`, `signal`,
 * `log`) is not in a copy made by spreading.
 */
export interface ReceivedMessage<T> {
  /** Decoded, and what the contract's schema made of it; the bytes where there is neither codec nor schema for them. */
  readonly body: T;
  /** The bytes as they came. A view into a larger buffer: copy it before keeping it for long. */
  readonly content: Uint8Array;
  /** The message id is here. A foreign publisher may have set none. */
  readonly properties: MessageProperties;
  /** Empty when the publisher set none. Foreign: nothing in it may be trusted. */
  readonly headers: HeaderTable;
  /** 1 for the first time, one more for each failure that counted. */
  readonly attempt: number;
  /** True when the broker delivered it before, to anybody, without an answer. */
  readonly redelivered: boolean;
  /** How many earlier deliveries the broker counts: 0 the first time, and always 0 on a classic queue. */
  readonly deliveryCount: number;
  /** Aborts at the time limit, at a lost channel and at shutdown. A handler that ignores it keeps its slot. */
  readonly signal: AbortSignal;
  /** Carries the message id, the queue and the attempt. */
  readonly log: Logger;
  /** Where it came from on this delivery: after a retry the retry exchange, not where it was first published. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly queue: string;
}

/**
 * Does the work for one message. Any return value, once awaited, acknowledges it; a throw or rejection is a failure.
 * It may run more than once for the same message.
 */
export type Handler<T> = (message: ReceivedMessage<T>) => unknown;

/** One message of a stream, as a handler gets it. `attempt` counts those of this reader since it started. */
export interface StreamMessage<T> extends ReceivedMessage<T> {
  /** Its place in the stream. They only grow, with gaps. */
  readonly offset: number;
}

/**
 * Does the work for one message of a stream. Any return value, once awaited, lets the reader go on; a throw or rejection
 * is a failure. It may run more than once for the same message.
 */
export type StreamHandler<T> = (message: StreamMessage<T>) => unknown;

/** Throw it to lay the message aside at once, without further attempts. */
export class DeadLetter extends Error {
  override readonly name = 'DeadLetter';
  /** Tells it from other errors across two installed copies of this package. */
  readonly kind = 'surehop.dead-letter';

  /** @param reason what a person should read beside the dead letter */
  constructor(reason: string, options: { readonly cause?: unknown } = {}) {
    nonEmptyString('the reason of a DeadLetter', reason);
    super(reason, options);
  }
}

export interface RetryLaterOptions {
  /**
   * Whether this failure uses up one of the attempts. With `false` a message can go round for ever.
   * @default true
   */
  readonly countAttempt?: boolean;
  readonly cause?: unknown;
  /** What a person should read. @default 'asked to be retried after <delayMs> ms' */
  readonly reason?: string;
}

/** Throw it to have the message again no sooner than after a delay, for example a 429's Retry-After. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  /** Tells it from other errors across two installed copies of this package. */
  readonly kind = 'surehop.retry-later';
  readonly delayMs: number;
  readonly countAttempt: boolean;

  /**
   * @param delayMs at least this long, in milliseconds, 0 to ten years
   * @throws {SurehopError} SUREHOP_OPTION_INVALID when `delayMs` is no integer in that range
   */
  constructor(delayMs: number, options: RetryLaterOptions = {}) {
    integer('the delayMs of a RetryLater', delayMs, 0, longestDelayMs);
    const { reason = `asked to be retried after ${delayMs} ms`, countAttempt = true } = options;
    boolean('the countAttempt of a RetryLater', countAttempt);
    super(reason, options);
    this.delayMs = delayMs;
    this.countAttempt = countAttempt;
  }
}

/** Works across two installed copies of the package, where `instanceof DeadLetter` does not. */
export function isDeadLetter(value: unknown): value is DeadLetter {
  return value instanceof Error && 'kind' in value && value.kind === 'surehop.dead-letter';
}

/** Works across two installed copies of the package, where `instanceof RetryLater` does not. */
export function isRetryLater(value: unknown): value is RetryLater {
  return value instanceof Error && 'kind' in value && value.kind === 'surehop.retry-later';
}
