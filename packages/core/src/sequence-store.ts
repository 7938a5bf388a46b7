/** A number that a message was given. */
export interface SequenceTicket {
  /** Which numbering of the sequence it is of: where a store begins anew, it is another one. */
  readonly run: string;
  /** 1 for the first. */
  readonly number: number;
}

/** What a store answers: the number, and whether the message id had it before. */
export interface TakenNumber extends SequenceTicket {
  /** False when the message id had the number already and it was not given back: a queue may hold the message with it. */
  readonly isNew: boolean;
}

/**
 * Gives the messages of a publisher their numbers in sequences. `@surehop/outbox` has one in an SQLite file.
 *
 * Rules for those who implement it:
 * - Each new message id gets one more than the last number of the sequence; calls are answered in their order. An id that
 *   has a number already gets the same, for at least the last 1,000 ids of a sequence, or of all: so that what is
 *   published again is the same message to whoever reads the numbers.
 * - `isNew` is true for a number that the id had not, or that was given back for it. Where it is false, a call before this one
 *   may have stored the message, and the number is never given back, whatever becomes of this call.
 * - When `take` resolves, a later process will not give the number to another message.
 * - `notStored` gives a number back, if no later one was given: then the next message gets it. Otherwise it stays with its id.
 */
export interface SequenceStore {
  take(sequence: string, messageId: string): TakenNumber | Promise<TakenNumber>;
  /** The message with this id is certainly in no queue, and never was. */
  notStored(sequence: string, messageId: string): void | Promise<void>;
}
