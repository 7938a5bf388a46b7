import { type HeaderTable, type Logger, type RetryPolicy, SurehopError } from '@surehop/core';
import {
  type Attempts,
  errorFields,
  type FailureReason,
  fullJitter,
  headerNames,
  type OutgoingMessage,
  type RabbitInternals,
  rungTopology,
  sleep,
} from '@surehop/core/internal';
import type { Answers } from './answers.ts';
import type { Copies, CopyResult } from './copies.ts';
import {
  bareDeadLetterCopy,
  type CopyLimits,
  deadLetterCopy,
  delayedCopy,
  type Failure,
  retryCopy,
  sentOnCopy,
  sentOnDelayedCopy,
} from './copy-message.ts';
import { decide, UnreadableBody, type Verdict, waitFor } from './decide.ts';
import { DelayWay } from './delay-way.ts';
import { type Delivery, messageFields } from './delivery.ts';
import type { Order } from './order.ts';
import type { Settlement } from './settler.ts';

export interface FailuresOptions {
  readonly queue: string;
  readonly retry: RetryPolicy;
  /** Whether, as far as is known now, `nack` without requeue moves a message to the dead-letter queue and does not drop it. */
  readonly brokerLaysAside: () => boolean;
  readonly copies: Copies;
  readonly answers: Answers;
  /** Undefined where messages are handled in any order. */
  readonly order: Order | undefined;
  readonly internals: RabbitInternals;
}

/** One copy, and what to do when it can never be published. */
interface Move {
  readonly delivery: Delivery;
  /** Undefined when it cannot be made. */
  readonly copy: (limits: CopyLimits) => OutgoingMessage | undefined;
  /** Where it waits; undefined for the dead-letter queue. */
  readonly rungMs: number | undefined;
  /** The way that is tried first, if it is not that of a rung. */
  readonly delayed: Delayed | undefined;
  readonly failure: Failure;
  readonly reason: FailureReason;
}

/** Through the delay network. */
interface Delayed {
  readonly delayMs: number;
  readonly copy: (limits: CopyLimits) => OutgoingMessage | undefined;
}

/**
 * Settles what failed: decides, says so, has a copy stored, and only then acknowledges the original on its own channel.
 * Whatever goes wrong on the way, the original stays unacknowledged, so that the broker keeps it.
 */
export class Failures {
  readonly #options: FailuresOptions;
  readonly #log: Logger;
  readonly #delayWay: DelayWay;

  constructor(options: FailuresOptions) {
    this.#options = options;
    const { log, effects } = options.internals;
    this.#log = log;
    this.#delayWay = new DelayWay(options.queue, effects.clock, log);
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
    const { queue, retry, internals, order } = this.#options;
    const now = internals.effects.clock.epochMs();
    const attempt = attempts.failedAttempts + 1;
    const verdict = decide(thrown, attempt, retry, now, internals.effects.random);
    const failure: Failure = {
      message: delivery.turn?.message ?? delivery.message,
      queue,
      error: thrown instanceof UnreadableBody ? thrown.error : thrown,
      failedAttempts: verdict.verdict === 'retry' && !verdict.countAttempt ? attempts.failedAttempts : attempt,
      failedAt: now,
    };
    this.#say(verdict, failure, attempts);
    if (verdict.verdict === 'dead') {
      const copy = (limits: CopyLimits) => deadLetterCopy(failure, verdict.reason, limits);
      this.#move({ delivery, copy, rungMs: undefined, delayed: undefined, failure, reason: verdict.reason });
      return;
    }
    const { delayMs, rungMs, notBefore, way } = verdict;
    const retried = (limits: CopyLimits) => retryCopy(failure, rungMs, notBefore, limits);
    if (order !== undefined) {
      // In place: a copy would come back behind later messages of its key.
      const counted = { ...failure.message.headers, [headerNames.attempt]: failure.failedAttempts };
      order.delay(delivery, this.#made(retried)?.headers ?? counted, delayMs);
      return;
    }
    const kept = delivery.again === undefined ? undefined : this.#made(retried);
    if (kept !== undefined) {
      delivery.again?.(kept.headers ?? {}, delayMs);
      return;
    }
    if (way === 'broker') {
      delivery.settle('keep back');
      return;
    }
    const wait = { delayMs, from: now };
    this.#move({
      delivery,
      copy: retried,
      rungMs,
      delayed: way === 'network' ? { delayMs, copy: (limits) => delayedCopy(failure, wait, limits) } : undefined,
      failure,
      reason: 'failed',
    });
  }

  /** The message came before its time: it waits again, as it is. Counts nothing. */
  sendOn(delivery: Delivery, attempts: Attempts, waitMs: number): void {
    const { queue, retry, internals } = this.#options;
    const { message } = delivery;
    const now = internals.effects.clock.epochMs();
    const { rungMs } = waitFor(waitMs, retry.delaysMs, now);
    const wait = { delayMs: waitMs, from: now };
    const error = new SurehopError('SUREHOP_HEADERS_TOO_LARGE', 'the message could not be sent on to wait longer', {
      retryable: false,
    });
    this.#move({
      delivery,
      copy: (limits) => sentOnCopy(message, queue, rungMs, limits),
      rungMs,
      delayed: { delayMs: waitMs, copy: (limits) => sentOnDelayedCopy(message, queue, wait, limits) },
      failure: { message, queue, error, failedAttempts: attempts.failedAttempts, failedAt: now },
      reason: 'failed',
    });
  }

  #move(move: Move): void {
    const { delivery, delayed, rungMs } = move;
    if (delayed !== undefined || this.#isExtra(rungMs)) {
      this.#watched(this.#moved(move));
      return;
    }
    const copy = this.#made(move.copy);
    if (copy === undefined) {
      this.#onSent(uncopyable, move);
      return;
    }
    delivery.moving?.();
    this.#options.copies.sendSimply(copy, delivery.gone, delivery, this.#onSent, move);
  }

  /** Told amid the answers of the broker: nothing may be thrown at them. */
  readonly #onSent = (sent: CopyResult, move: Move): void => {
    try {
      if (sent.status === 'stored') this.#stored(move);
      else this.#watched(this.#unsent(sent, move));
    } catch (bug) {
      this.#onBug(bug);
    }
  };

  #watched(settling: Promise<void>): void {
    settling.catch((bug: unknown) => this.#onBug(bug));
  }

  #onBug(bug: unknown): void {
    this.#log.error({ queue: this.#options.queue, ...errorFields(bug) }, 'settling a failed message went wrong');
  }

  async #moved(move: Move): Promise<void> {
    const delayed = await this.#sentDelayed(move);
    const sent = delayed.status === 'impossible' ? await this.#sentByRung(move) : delayed;
    if (sent.status === 'stored') this.#stored(move);
    else await this.#unsent(sent, move);
  }

  #stored(move: Move): void {
    if (move.rungMs === undefined) this.#laidAside(move);
    else move.delivery.settle('ack');
  }

  async #unsent(sent: Exclude<CopyResult, { status: 'stored' }>, move: Move): Promise<void> {
    if (sent.status === 'gone') return;
    const { queue, brokerLaysAside, copies } = this.#options;
    const { delivery } = move;
    const fields = { queue, messageId: delivery.message.properties.messageId, ...errorFields(sent.error) };
    if (brokerLaysAside() && hasSoundDeaths(delivery.message.headers)) {
      this.#log.error(
        fields,
        'a failed message cannot be copied: the broker moves it to the dead-letter queue as it is',
      );
      return this.#laidAside(move, 'broker-dead-letter');
    }
    this.#log.error(fields, 'a failed message cannot be copied: it goes to the dead-letter queue without its headers');
    try {
      await this.#moveBare(move);
    } finally {
      copies.forget(delivery);
    }
  }

  /** `impossible` also where the copy is not to go this way at all. */
  async #sentDelayed({ delivery, delayed }: Move): Promise<CopyResult> {
    const topology = delayed && this.#delayWay.topologyFor(delayed.delayMs);
    const copy = topology && this.#made(delayed.copy);
    if (copy === undefined || topology === undefined) return uncopyable;
    const beside = { topology, isOptional: true };
    const sent = await this.#options.copies.send(copy, delivery.gone, beside, delivery);
    if (sent.status === 'impossible') this.#delayWay.onRefused(sent.error);
    return sent;
  }

  async #sentByRung({ delivery, copy: make, rungMs }: Move): Promise<CopyResult> {
    const { queue, copies } = this.#options;
    const beside =
      rungMs !== undefined && this.#isExtra(rungMs)
        ? { topology: rungTopology(queue, rungMs), isOptional: false }
        : undefined;
    const copy = this.#made(make);
    return copy === undefined ? uncopyable : await copies.send(copy, delivery.gone, beside, delivery);
  }

  /** Whether a rung is none of the contract's. */
  #isExtra(rungMs: number | undefined): boolean {
    return rungMs !== undefined && !this.#options.retry.delaysMs.includes(rungMs);
  }

  /** Never lets go of the original: what the broker would do with it is not known. */
  async #moveBare(move: Move): Promise<void> {
    const { delivery, failure, reason } = move;
    const { queue, copies, internals } = this.#options;
    const { clock, random } = internals.effects;
    const backoff = fullJitter({ baseMs: 1_000, maxMs: 30_000, random });
    for (let attempt = 1; ; attempt += 1) {
      const copy = this.#made((limits) => bareDeadLetterCopy(failure, reason, limits));
      const sent = copy === undefined ? uncopyable : await copies.send(copy, delivery.gone, undefined, delivery);
      if (sent.status === 'stored') return this.#laidAside(move);
      if (sent.status === 'gone') return;
      copies.noteUnstored(delivery);
      const fields = { queue, messageId: failure.message.properties.messageId, ...errorFields(sent.error) };
      this.#log.error(fields, 'a failed message cannot be moved to the dead-letter queue; it is kept, trying again');
      await sleep(clock, backoff(attempt), delivery.gone).catch(() => undefined);
      if (delivery.gone.aborted) return;
    }
  }

  #laidAside({ delivery, failure, reason }: Move, settlement: Settlement = 'ack'): void {
    const { order, answers } = this.#options;
    if (order === undefined) delivery.settle(settlement);
    else order.dead(delivery, settlement);
    answers.deadLettered(failure, reason);
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
    const what = verdict.verdict === 'dead' ? { reason: verdict.reason } : { delayMs: verdict.delayMs };
    const fields = {
      ...messageFields(failure.queue, failure.message, attempts),
      ...thrownFields(failure.error),
      ...what,
    };
    if (verdict.verdict === 'dead') this.#log.error(fields, 'the message goes to the dead-letter queue');
    else this.#log.warn(fields, 'the message failed and is tried again later');
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
