import type { Backoff } from './backoff.ts';
import { ConfirmLedger } from './confirm-ledger.ts';
import { type ChannelListeners, type DriverChannel, DriverError } from './driver.ts';
import type { Clock } from './effects.ts';
import { asError } from './errors.ts';
import type { Link } from './link.ts';
import type { LinkSession } from './link-session.ts';
import { LinkedList } from './linked-list.ts';
import { errorFields, type Logger } from './logger.ts';
import type { OutgoingMessage } from './message.ts';
import { Refusals } from './refusals.ts';
import { type EntryHolder, type Outcome, type Sending, SendingEntry } from './sending.ts';
import { sessionLoop } from './session-loop.ts';
import { StallWatch } from './stall-watch.ts';

export type { Outcome, Sending } from './sending.ts';

export interface ConfirmedChannelOptions {
  readonly link: Link;
  readonly clock: Clock;
  readonly log: Logger;
  readonly backoff: Backoff;
  /** Deadline of each RPC on the channel, in milliseconds. */
  readonly rpcTimeoutMs: number;
  /** After so long without any confirm, though some are due, the link is reported as stalled. */
  readonly confirmStallMs: number;
  /** What to do on each new channel before anything is written to it; a `DriverError` 403 or 404 rejects what waits. */
  readonly prepare?: (channel: DriverChannel, signal: AbortSignal) => Promise<void>;
  /** Asked when the broker closes the channel with 404: true when the exchange may come back, so that messages are kept. */
  readonly onNotFound?: () => boolean;
}

interface Current {
  readonly channel: DriverChannel;
  readonly session: LinkSession;
}

const confirmed: Outcome = Object.freeze({ status: 'confirmed' });

/**
 * A channel in confirm mode that outlives its connection: what is unconfirmed when a channel is lost is written again,
 * in its original order and under the same message ids, on the next one. Bounds and deadlines are its user's task.
 *
 * One bad message never fails its neighbours: after the broker has closed the channel for a message, what was in flight
 * goes out one at a time until the guilty one stands alone, and only that one is rejected.
 */
export class ConfirmedChannel {
  readonly #options: ConfirmedChannelOptions;
  readonly #stop = new AbortController();
  readonly #holder: EntryHolder = { withdraw: (entry, onForgotten) => this.#withdraw(entry, onForgotten) };
  readonly #onStored = (entry: SendingEntry): void => this.#onAnswered(entry, true);
  readonly #onRefused = (entry: SendingEntry): void => this.#onAnswered(entry, false);
  readonly #pumpNow = (): void => this.#pump();
  readonly #ledger = new ConfirmLedger<SendingEntry>();
  /** Not written on this channel, in order. */
  #waiting = new LinkedList<SendingEntry>();
  #current: Current | undefined;
  /** Entries to go through one by one, after the broker closed the channel for one of them. */
  #suspects = 0;
  /** True once something was confirmed: the exchange was there, and open to us. */
  #proven = false;
  #pumpDue = false;
  #lastConfirmAt = 0;
  readonly #refusals: Refusals;
  readonly #stallWatch: StallWatch;
  readonly #running: Promise<void>;

  constructor(options: ConfirmedChannelOptions) {
    this.#options = options;
    const { link, clock, backoff } = options;
    this.#refusals = new Refusals(clock);
    this.#stallWatch = new StallWatch({
      clock,
      confirmStallMs: options.confirmStallMs,
      stalledMs: () => (this.#current === undefined || this.#ledger.size === 0 ? undefined : this.stalledMs),
      onStalled: (stalledMs) => this.#current?.session.stalled(stalledMs),
      onGivenUp: () => void this.#current?.channel.close(clock.deadline(options.rpcTimeoutMs)),
    });
    const onFailure = (error: unknown): void => this.#onFailure(asError(error));
    this.#running = sessionLoop({
      link,
      clock,
      backoff,
      stop: this.#stop.signal,
      serve: (session) => this.#serve(session),
      onFailure,
    });
  }

  /** Messages that were written and not answered. */
  get unconfirmed(): number {
    return this.#ledger.size;
  }

  /** How long nothing was confirmed although something is due, in milliseconds; 0 while the broker blocks or all is well. */
  get stalledMs(): number {
    const oldest = this.#ledger.oldest();
    if (oldest === undefined || this.#current === undefined || this.#current.session.blocked === true) return 0;
    return Math.max(0, this.#options.clock.now() - Math.max(this.#lastConfirmAt, oldest.writtenAt));
  }

  /** Messages that it holds: to be written, or written and not answered. */
  get size(): number {
    return this.#waiting.size + this.#ledger.size;
  }

  /**
   * Takes a message; its outcome is told once, never in this call. The message must have a message id.
   *
   * @param item handed to `onOutcome`, so that many messages can share one function
   */
  send(message: OutgoingMessage, onOutcome: (outcome: Outcome) => void): Sending;
  send<T>(message: OutgoingMessage, onOutcome: (outcome: Outcome, item: T) => void, item: T): Sending;
  send(message: OutgoingMessage, onOutcome: (outcome: Outcome, item: never) => void, item?: unknown): Sending {
    const entry = new SendingEntry(message, this.#holder, onOutcome as (outcome: Outcome, item: unknown) => void, item);
    entry.waitingAt = this.#waiting.append(entry);
    this.#pumpSoon();
    return entry;
  }

  /** Closes the channel with a handshake, after whatever was written. Unsettled messages stay untold. */
  async close(signal: AbortSignal): Promise<void> {
    const current = this.#current;
    this.#stop.abort();
    this.#stallWatch.unwatch();
    if (current !== undefined) await current.channel.close(signal);
    await this.#running;
  }

  async #serve(session: LinkSession): Promise<void> {
    const { clock, rpcTimeoutMs, prepare } = this.#options;
    // Opening a channel on a blocked connection would hang until the alarm is over.
    await session.whenUnblocked(this.#stop.signal);
    if (!session.isOpen || this.#stop.signal.aborted) return;
    let ended: (cause: DriverError | undefined) => void = () => undefined;
    const over = new Promise<DriverError | undefined>((resolve) => {
      ended = resolve;
    });
    const channel = await session.openChannel(this.#listeners(session, ended), clock.deadline(rpcTimeoutMs));
    try {
      await prepare?.(channel, clock.deadline(rpcTimeoutMs));
    } catch (thrown) {
      await channel.close(clock.deadline(rpcTimeoutMs));
      throw thrown;
    }
    if (this.#stop.signal.aborted) return channel.close(clock.deadline(rpcTimeoutMs));
    const onLost = (): void => ended(new DriverError('socket', 'the link was lost', { cause: session.lost.reason }));
    session.lost.addEventListener('abort', onLost, { once: true });
    if (session.lost.aborted) onLost();
    this.#current = { channel, session };
    this.#refusals.opened();
    this.#lastConfirmAt = clock.now();
    const unsubscribe = session.onFlow(() => this.#pump());
    this.#pump();
    const cause = await over;
    session.lost.removeEventListener('abort', onLost);
    unsubscribe();
    this.#onLost(cause);
  }

  #listeners(session: LinkSession, ended: (cause: DriverError | undefined) => void): ChannelListeners {
    return {
      onConfirm: (sequence, multiple, stored) => {
        session.noteConfirm();
        this.#onConfirm(sequence, multiple, stored);
      },
      onReturn: (messageId, replyCode, replyText) => {
        const entry = this.#ledger.byId(messageId); // a `basic.return` names nothing else
        if (entry !== undefined) entry.returned = { replyCode, replyText };
      },
      onDelivery: () => undefined,
      onCancel: () => undefined,
      onClosed: ended,
    };
  }

  /** Once for all messages of this turn, so that no outcome is told before `send` has returned. */
  #pumpSoon(): void {
    if (this.#pumpDue) return;
    this.#pumpDue = true;
    queueMicrotask(this.#pumpNow);
  }

  /** Writes what may be written now. */
  #pump(): void {
    this.#pumpDue = false;
    const current = this.#current;
    if (current === undefined || !current.channel.isOpen || current.session.blocked === true) return;
    if (this.#refusals.areTooMany) {
      if (this.#ledger.size > 0) return; // answered first, so that its outcome stays certain
      void current.channel.close(this.#options.clock.deadline(this.#options.rpcTimeoutMs));
      return;
    }
    const now = this.#options.clock.now();
    for (let entry = this.#waiting.first; entry !== undefined; entry = this.#waiting.first) {
      // Lost in this very turn: what comes after is told by `onClosed`.
      if (!current.channel.isOpen) return;
      if (this.#suspects > 0 && this.#ledger.size > 0) return;
      // Two messages of one id on one channel could not be told apart when one comes back: the second waits.
      if (this.#ledger.byId(entry.messageId) !== undefined) return;
      this.#leaveWaiting(entry);
      this.#write(current.channel, entry, now);
    }
  }

  #write(channel: DriverChannel, entry: SendingEntry, now: number): void {
    let sequence: number;
    try {
      sequence = channel.publish(entry.message);
    } catch (thrown) {
      if (!channel.isOpen) {
        entry.waitingAt = this.#waiting.prepend(entry);
        return;
      }
      entry.settle({
        status: 'rejected',
        error: asError(thrown),
        replyCode: undefined,
        mayBeStored: entry.writes > 0,
      });
      return;
    }
    entry.state = 'written';
    entry.writes += 1;
    entry.writtenAt = now;
    entry.returned = undefined;
    this.#ledger.add(sequence, entry);
    this.#stallWatch.watch();
  }

  #onConfirm(sequence: number, multiple: boolean, stored: boolean): void {
    this.#lastConfirmAt = this.#options.clock.now();
    this.#refusals.answered(stored);
    this.#ledger.settle(sequence, multiple, stored ? this.#onStored : this.#onRefused);
    this.#pump();
  }

  #onAnswered(entry: SendingEntry, stored: boolean): void {
    entry.onForgotten?.();
    this.#suspects = Math.max(0, this.#suspects - 1);
    this.#proven = true;
    const mayBeStored = entry.writes > 1;
    if (!stored) entry.settle({ status: 'refused', mayBeStored });
    else if (entry.returned !== undefined) entry.settle({ status: 'unroutable', ...entry.returned, mayBeStored });
    else entry.settle(confirmed);
  }

  #withdraw(entry: SendingEntry, onForgotten: (() => void) | undefined): void {
    // What is written stays in the ledger, so that its confirm still finds its place; it is not written again.
    if (entry.state === 'written') entry.onForgotten = onForgotten;
    else onForgotten?.();
    entry.state = 'done';
    this.#leaveWaiting(entry);
  }

  #leaveWaiting(entry: SendingEntry): void {
    if (entry.waitingAt === undefined) return;
    this.#waiting.remove(entry.waitingAt);
    entry.waitingAt = undefined;
  }

  /** The channel is gone: what it had in flight comes first on the next one, in its original order. */
  #onLost(cause: DriverError | undefined): void {
    this.#current = undefined;
    this.#stallWatch.unwatch();
    const inFlight = this.#ledger.drain();
    for (const entry of inFlight) entry.onForgotten?.();
    if (this.#stop.signal.aborted) return;
    const again = inFlight.filter(({ state }) => state !== 'done');
    if (cause?.scope === 'channel') {
      const { log } = this.#options;
      log.warn({ ...errorFields(cause), inFlight: inFlight.length }, 'the broker closed a publishing channel');
      if (this.#rejectsAll(cause)) {
        // A user's rights are asked once for a channel; an exchange can go between two messages.
        this.#rejectAll(again, cause, inFlight.length > 1 && (this.#proven || cause.replyCode === 404));
        return;
      }
      if (isAboutOneMessage(cause) && this.#blame(inFlight, cause)) return;
    }
    for (const entry of again.toReversed()) {
      entry.state = 'waiting';
      entry.waitingAt = this.#waiting.prepend(entry);
    }
  }

  /** One message is to blame: the only one in flight, or one of those that now go out one at a time. */
  #blame(inFlight: readonly SendingEntry[], cause: DriverError): boolean {
    const [only] = inFlight;
    if (only !== undefined && inFlight.length === 1) {
      this.#suspects = Math.max(0, this.#suspects - 1);
      this.#reject(only, cause, false);
      return true;
    }
    this.#suspects = Math.max(this.#suspects, inFlight.length);
    return false;
  }

  /** A 403 or 404 speaks of the exchange that everything on this channel goes to. */
  #rejectsAll(cause: DriverError): boolean {
    if (cause.replyCode === 403) return !isAboutOneMessage(cause);
    return cause.replyCode === 404 && this.#options.onNotFound?.() !== true;
  }

  /** @param others whether others were in flight that the broker may have taken */
  #rejectAll(unanswered: readonly SendingEntry[], cause: DriverError, others: boolean): void {
    const waiting = [...this.#waiting];
    for (const entry of waiting) this.#leaveWaiting(entry);
    this.#suspects = 0;
    for (const entry of unanswered) this.#reject(entry, cause, others || entry.writes > 1);
    for (const entry of waiting) this.#reject(entry, cause, entry.writes > 0);
  }

  #reject(entry: SendingEntry, error: DriverError, mayBeStored: boolean): void {
    entry.settle({ status: 'rejected', error, replyCode: error.replyCode, mayBeStored });
  }

  /** No channel could be had. */
  #onFailure(error: Error): void {
    this.#options.log.warn(errorFields(error), 'could not open a publishing channel');
    if (error instanceof DriverError && error.scope === 'channel' && this.#rejectsAll(error))
      this.#rejectAll([], error, false);
  }
}

/** A 406 is about the message; so is a 403 where a user may write to an exchange, but not under every routing key. */
function isAboutOneMessage({ replyCode, message }: DriverError): boolean {
  return replyCode === 406 || (replyCode === 403 && message.includes('access to topic'));
}
