import { NotSentError, SurehopError, UnknownOutcomeError } from '@surehop/core';
import { type Clock, Deadlines } from '@surehop/core/internal';
import type { Caller, Draft, Entry } from './entry.ts';
import type { SpoolReceipt } from './spool-receipt.ts';

export interface AcceptanceOptions {
  readonly clock: Clock;
  readonly file: string;
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  /** The call was given up; what it stands for is to be forgotten as far as it can. Must not throw. */
  readonly onGivenUp: (entry: Entry) => void;
}

/** The calls that wait to hear of their message: each is settled once, whatever happens. */
export class Acceptance {
  readonly #options: AcceptanceOptions;
  readonly #deadlines: Deadlines<Entry>;
  #bytes = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: AcceptanceOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, (entry) => {
      this.giveUp(entry, `its deadline of ${entry.deadlineMs} ms passed`);
    });
  }

  get waiting(): number {
    return this.#deadlines.size;
  }

  /** @throws {SurehopError} SUREHOP_PUBLISHER_FULL */
  open(draft: Draft, deadlineMs: number, caller: Caller): Entry {
    const { maxWaiting, maxWaitingBytes, clock } = this.#options;
    const bytes = draft.content.length + (draft.row.headers?.length ?? 0);
    const { size } = this.#deadlines;
    if (size >= maxWaiting || (size > 0 && this.#bytes + bytes > maxWaitingBytes)) {
      const text = `message ${draft.row.id} was not accepted and is not stored: the spool is full of calls, ${size} wait`;
      throw new SurehopError('SUREHOP_PUBLISHER_FULL', text, { retryable: true });
    }
    const entry: Entry = {
      ...draft,
      seq: 0,
      acceptedAt: 0,
      bytes,
      deadlineMs,
      deadlineAt: clock.now() + deadlineMs,
      pendingAt: undefined,
      callers: [caller],
      place: 'checking',
      isHanded: false,
      isConfirmed: false,
      isFromFile: false,
      isRetry: false,
      hold: undefined,
      trouble: undefined,
      refusal: undefined,
    };
    this.#deadlines.add(entry);
    this.#bytes += bytes;
    return entry;
  }

  resolve(entry: Entry, storedBy: SpoolReceipt['storedBy']): void {
    const receipt: SpoolReceipt = { messageId: entry.row.id, storedBy };
    for (const { resolve } of this.#settle(entry)) resolve(receipt);
  }

  reject(entry: Entry, error: SurehopError): void {
    for (const { reject } of this.#settle(entry)) reject(error);
  }

  /** The callers of one wait with those of another, for the same message. */
  join(entry: Entry, other: Entry): void {
    other.callers.push(...this.#settle(entry));
  }

  /** Says as much as is known of a message that was not settled in time. */
  giveUp(entry: Entry, why: string, cause?: unknown): void {
    const { row, place, isHanded, trouble } = entry;
    const options = { cause: trouble ?? cause };
    let error: SurehopError;
    if (place === 'waiting') error = fullError(row.id, this.#options.file, `${why} while it waited for room`);
    else if (place === 'writing') {
      error = new UnknownOutcomeError(row.id, `${why}; the disk has not answered`, options);
    } else if (isHanded) error = new UnknownOutcomeError(row.id, `${why}; the broker has not answered`, options);
    else error = new NotSentError(row.id, `${why} before it could be stored`, options);
    this.reject(entry, error);
    this.#options.onGivenUp(entry);
  }

  /** Resolves when no call waits, or when the time is over; gives up the rest. Never rejects. */
  async close(timeoutMs: number): Promise<void> {
    await this.#whenIdle(timeoutMs);
    const why = `close() waited ${timeoutMs} ms`;
    const cause = new SurehopError('SUREHOP_CLOSE_TIMEOUT', why, { retryable: false });
    for (const entry of this.#deadlines.items()) this.giveUp(entry, why, cause);
  }

  #settle(entry: Entry): Caller[] {
    const { callers } = entry;
    entry.callers = [];
    // A deadline has already been taken off the list.
    this.#deadlines.delete(entry);
    if (callers.length > 0) this.#bytes -= entry.bytes;
    if (this.#deadlines.size === 0) this.#onIdle?.();
    return callers;
  }

  #whenIdle(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#deadlines.size === 0) return resolve();
      const cancel = this.#options.clock.setTimeout(resolve, timeoutMs);
      this.#onIdle = () => {
        cancel();
        resolve();
      };
    });
  }
}

export function fullError(messageId: string, file: string, why: string): SurehopError {
  const text = `message ${messageId} was not accepted and is not stored: the spool ${file} is full; ${why}`;
  return new SurehopError('SUREHOP_SPOOL_FULL', text, { retryable: true });
}
