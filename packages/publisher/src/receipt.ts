/** The broker has the message, stored and in at least one queue. */
export interface Receipt {
  readonly messageId: string;
  /** How often it had to be written again. Above 0, consumers may see it more than once, under the same message id. */
  readonly resends: number;
}
