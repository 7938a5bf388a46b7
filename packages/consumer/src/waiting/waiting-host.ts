import type { Delivery } from '../delivery.ts';

/** Who is told of what comes out of the waiting queue. */
export interface WaitingHost {
  /** A message that an earlier opening has laid aside. It is before everything of its key in the work queue. */
  onFound(delivery: Delivery): void;
  /** All that was laid aside before is known: what the work queue hands out may be started. */
  onKnown(): void;
  /** Something that had to wait may be started. */
  onReady(): void;
  onSettled(delivery: Delivery): void;
  /** Somebody else is handed the work queue's messages by now: these are for them. */
  onSucceeded(): void;
  /** It cannot be used any more, and what was in hand of it comes again. */
  onLost(cause: Error): void;
}
