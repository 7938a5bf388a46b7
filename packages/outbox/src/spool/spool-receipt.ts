/** The message is stored. */
export interface SpoolReceipt {
  readonly messageId: string;
  /**
   * By whom it was stored first: `disk`, in the spool's file on this machine, from where it is sent when the broker is
   * there; or `broker`, in at least one queue.
   */
  readonly storedBy: 'disk' | 'broker';
}
