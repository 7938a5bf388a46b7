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
