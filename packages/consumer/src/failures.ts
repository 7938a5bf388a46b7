import { type HeaderTable, type Logger, SurehopError } from '@surehop/core';
import {
  type Attempts,
  errorFields,
  type FailureReason,
  fullJitter,
  type OutgoingMessage,
  type RabbitInternals,
  rungTopology,
  sleep,
} from '@surehop/core/internal';
import type { Copies } from './copies.ts';
import {
  bareDeadLetterCopy,
  type CopyLimits,
  deadLetterCopy,
  type Failure,
  retryCopy,
  sentOnCopy,
} from './copy-message.ts';
import { decide, UnreadableBody, type Verdict, waitFor } from './decide.ts';
import { type Delivery, messageFields } from './delivery.ts';

export interface FailuresOptions {
  readonly queue: string;
  readonly delaysMs: readonly number[];
  /** Whether, as far as is known now, `nack` without requeue moves a message to the dead-letter queue and does not drop it. */
  readonly brokerLaysAside: () => boolean;
  readonly copies: Copies;
  readonly internals: RabbitInternals;
}

/** One copy, and what to do when it can never be published. */
interface Move {
  readonly delivery: Delivery;
  /** Undefined when it cannot be made. */
  readonly copy: OutgoingMessage | undefined;
  /** Where it waits; undefined for the dead-letter queue. */
  readonly rungMs: number | undefined;
  readonly failure: Failure;
  readonly reason: FailureReason;
}

/**
 * Settles what failed: decides, says so, has a copy stored, and only then acknowledges the original on its own channel.
 * Whatever goes wrong on the way, the original stays unacknowledged, so that the broker keeps it.
 */
export class Failures {
  readonly #options: FailuresOptions;
  readonly #log: Logger;

  constructor(options: FailuresOptions) {
    this.#options = options;
    this.#log = options.internals.log;
  }

  /** @param thrown whatever the handler threw; it may throw in its turn when it is looked at */
  settle(delivery: Delivery, attempts: Attempts, thrown: unknown): void {
    try {
      this.#settle(delivery, attempts, thrown);
    } catch (cause) {
      this.#settle(delivery, attempts, new Error('the handler threw something that cannot be read', { cause }));
    }
  }

  #settle(delivery: Delivery, attempts: Attempts, thrown: unknown): void {
    const { queue, delaysMs, internals } = this.#options;
    const now = internals.effects.clock.epochMs();
    const attempt = attempts.failedAttempts + 1;
    const verdict = decide(thrown, attempt, delaysMs, now);
    const failure: Failure = {
      message: delivery.message,
      queue,
      error: thrown instanceof UnreadableBody ? thrown.error : thrown,
      failedAttempts: verdict.verdict === 'retry' && !verdict.countAttempt ? attempts.failedAttempts : attempt,
      failedAt: now,
    };
    this.#say(verdict, failure, attempts);
    const dead = verdict.verdict === 'dead';
    const copy = this.#made((limits) =>
      dead
        ? deadLetterCopy(failure, verdict.reason, limits)
        : retryCopy(failure, verdict.rungMs, verdict.notBefore, limits),
    );
    const rungMs = dead ? undefined : verdict.rungMs;
    this.#move({ delivery, copy, rungMs, failure, reason: dead ? verdict.reason : 'failed' });
  }

  /** The message came before its time: it goes into a rung again, as it is. Counts nothing. */
  sendOn(delivery: Delivery, attempts: Attempts, waitMs: number): void {
    const { queue, delaysMs, internals } = this.#options;
    const { message } = delivery;
    const now = internals.effects.clock.epochMs();
    const { rungMs } = waitFor(waitMs, delaysMs, now);
    const copy = this.#made((limits) => sentOnCopy(message, queue, rungMs, limits));
    const error = new SurehopError('SUREHOP_HEADERS_TOO_LARGE', 'the message could not be sent on to wait longer', {
      retryable: false,
    });
    const failure = { message, queue, error, failedAttempts: attempts.failedAttempts, failedAt: now };
    this.#move({ delivery, copy, rungMs, failure, reason: 'failed' });
  }

  #move(move: Move): void {
    this.#moved(move).catch((bug: unknown) => {
      this.#log.error({ queue: this.#options.queue, ...errorFields(bug) }, 'settling a failed message went wrong');
    });
  }

  async #moved(move: Move): Promise<void> {
    const { queue, delaysMs, brokerLaysAside, copies } = this.#options;
    const { delivery, copy, rungMs } = move;
    const extra = rungMs !== undefined && !delaysMs.includes(rungMs) ? rungTopology(queue, rungMs) : undefined;
    const sent = copy === undefined ? uncopyable : await copies.send(copy, delivery.gone, extra, delivery);
    if (sent.status === 'stored') return delivery.settle('ack');
    if (sent.status === 'gone') return;
    const fields = { queue, messageId: delivery.message.properties.messageId, ...errorFields(sent.error) };
    if (brokerLaysAside() && hasSoundDeaths(delivery.message.headers)) {
      this.#log.error(
        fields,
        'a failed message cannot be copied: the broker moves it to the dead-letter queue as it is',
      );
      return delivery.settle('broker-dead-letter');
    }
    this.#log.error(fields, 'a failed message cannot be copied: it goes to the dead-letter queue without its headers');
    try {
      await this.#moveBare(move);
    } finally {
      copies.forget(delivery);
    }
  }

  /** Never lets go of the original: what the broker would do with it is not known. */
  async #moveBare({ delivery, failure, reason }: Move): Promise<void> {
    const { queue, copies, internals } = this.#options;
    const { clock, random } = internals.effects;
    const backoff = fullJitter({ baseMs: 1_000, maxMs: 30_000, random });
    for (let attempt = 1; ; attempt += 1) {
      const copy = this.#made((limits) => bareDeadLetterCopy(failure, reason, limits));
      const sent = copy === undefined ? uncopyable : await copies.send(copy, delivery.gone, undefined, delivery);
      if (sent.status === 'stored') return delivery.settle('ack');
      if (sent.status === 'gone') return;
      copies.noteUnstored(delivery);
      const fields = { queue, messageId: failure.message.properties.messageId, ...errorFields(sent.error) };
      this.#log.error(fields, 'a failed message cannot be moved to the dead-letter queue; it is kept, trying again');
      await sleep(clock, backoff(attempt), delivery.gone).catch(() => undefined);
      if (delivery.gone.aborted) return;
    }
  }

  #made(make: (limits: CopyLimits) => OutgoingMessage | undefined): OutgoingMessage | undefined {
    const { publishLink, consumeLink, effects } = this.#options.internals;
    const frameMax = publishLink.session?.frameMax ?? consumeLink.session?.frameMax ?? smallestFrameMax;
    try {
      return make({ frameMax, newId: () => effects.newId() });
    } catch (thrown) {
      this.#log.error({ queue: this.#options.queue, ...errorFields(thrown) }, 'a copy could not be made');
      return undefined;
    }
  }

  #say(verdict: Verdict, failure: Failure, attempts: Attempts): void {
    const fields = { ...messageFields(failure.queue, failure.message, attempts), ...thrownFields(failure.error) };
    if (verdict.verdict === 'dead') {
      this.#log.error({ ...fields, reason: verdict.reason }, 'the message goes to the dead-letter queue');
    } else {
      this.#log.warn({ ...fields, delayMs: verdict.delayMs }, 'the message failed and is tried again later');
    }
  }
}

/**
 * A broker before 4.0 that dead-letters a message with an `x-death` which no broker wrote stops dead lettering on the
 * whole node.
 */
function hasSoundDeaths({ 'x-death': deaths }: HeaderTable): boolean {
  if (deaths === undefined) return true;
  if (!Array.isArray(deaths)) return false;
  return deaths.every((death: unknown) => {
    if (typeof death !== 'object' || death === null) return false;
    const { queue, reason, exchange, count, 'routing-keys': keys } = death as HeaderTable;
    const areTexts = [queue, reason, exchange].every((value) => typeof value === 'string');
    return areTexts && typeof count === 'number' && Array.isArray(keys);
  });
}

/** What every broker offers. */
const smallestFrameMax = 8_192;

const uncopyable = {
  status: 'impossible',
  error: new SurehopError('SUREHOP_HEADERS_TOO_LARGE', 'its headers are too large or cannot be encoded', {
    retryable: false,
  }),
} as const;

/** As core's, for foreign errors: a getter may throw. */
function thrownFields(error: unknown): Readonly<Record<string, unknown>> {
  try {
    return errorFields(error);
  } catch {
    return { error: 'an error that cannot be read' };
  }
}
