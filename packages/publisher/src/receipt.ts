/** The broker has the message, stored and in at least one queue. */
export interface Receipt {
  readonly messageId: string;
  /** How often it had to be written again. Above 0, consumers may see it more than once, under the same message id. */
  readonly resends: number;
}

/** The broker has all messages of one `publishMany`, as a {@link Receipt} says of one. */
export interface BulkReceipt {
  readonly stored: number;
  /** As in a receipt, of all together. */
  readonly resends: number;
}
