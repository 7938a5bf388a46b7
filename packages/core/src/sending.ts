import type { Place } from './linked-list.ts';
import type { OutgoingMessage } from './message.ts';

/** What the broker told us about one message, or why it can never be told. */
export type Outcome =
  | { readonly status: 'confirmed' }
  | ({ readonly status: 'unroutable'; readonly replyCode: number; readonly replyText: string } & NotStored)
  /** A queue refused it; not stored. */
  | ({ readonly status: 'refused' } & NotStored)
  /** It cannot be encoded, or the broker closes the channel for it (403, 404, 406); not stored by this attempt. */
  | ({ readonly status: 'rejected'; readonly error: Error; readonly replyCode: number | undefined } & NotStored);

/** What is said of a message is said of its last write. */
interface NotStored {
  /** True when it was written before, or together with others, and that write may have been stored. */
  readonly mayBeStored: boolean;
}

/** One message on its way. */
export interface Sending {
  /** True once it was written to a connection, so that the broker may have it. */
  readonly written: boolean;
  /** How often it was written. */
  readonly writes: number;
  /**
   * Stops waiting: it is not written (again), and its outcome is no longer told. What was written still takes memory
   * until it is answered or its channel is lost.
   *
   * @param onForgotten called once when it takes none any more, at once where it was not written
   */
  withdraw(onForgotten?: () => void): void;
}

/** What a {@link SendingEntry} asks of the channel that has it. */
export interface EntryHolder {
  withdraw(entry: SendingEntry, onForgotten: (() => void) | undefined): void;
}

/**
 * All that is kept of one message while it is on its way. A class: an object literal with getters gets a shape of its own
 * for each message, which outlives it.
 */
export class SendingEntry implements Sending {
  readonly message: OutgoingMessage;
  readonly messageId: string;
  state: 'waiting' | 'written' | 'done' = 'waiting';
  writes = 0;
  /** By the clock. */
  writtenAt = 0;
  returned: { readonly replyCode: number; readonly replyText: string } | undefined = undefined;
  onForgotten: (() => void) | undefined = undefined;
  /** Its place among those that are not written on this channel. */
  waitingAt: Place<SendingEntry> | undefined = undefined;
  readonly #holder: EntryHolder;
  readonly #onOutcome: (outcome: Outcome, item: unknown) => void;
  readonly #item: unknown;

  /** @param item handed to `onOutcome`, so that many messages can share one */
  constructor(
    message: OutgoingMessage,
    holder: EntryHolder,
    onOutcome: (outcome: Outcome, item: unknown) => void,
    item: unknown,
  ) {
    this.message = message;
    this.messageId = message.properties.messageId ?? '';
    this.#holder = holder;
    this.#onOutcome = onOutcome;
    this.#item = item;
  }

  get written(): boolean {
    return this.writes > 0;
  }

  withdraw(onForgotten?: () => void): void {
    this.#holder.withdraw(this, onForgotten);
  }

  /** Tells the outcome, unless it was told before or nobody waits for it any more. */
  settle(outcome: Outcome): void {
    if (this.state === 'done') return;
    this.state = 'done';
    this.#onOutcome(outcome, this.#item);
  }
}
