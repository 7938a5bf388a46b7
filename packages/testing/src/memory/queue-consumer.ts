import type { Entry } from './message.ts';

/** How a message came back: it says what is counted. */
export type ReturnWay = 'nack' | 'reject' | 'lost' | 'timeout';

/** Whether the broker takes it for a failure, on all releases. */
export function isFailure(way: ReturnWay): boolean {
  return way === 'reject' || way === 'lost';
}

/** A message in somebody's hands. */
export interface Held {
  readonly entry: Entry;
  /** Undefined for what `get` fetched. */
  readonly consumer: QueueConsumer | undefined;
}

export interface QueueConsumer {
  readonly hasCredit: boolean;
  deliver(entry: Entry): void;
  /** The broker cancels it: the queue is gone, or (4.3) it held a message for too long. */
  onCancelled(): void;
  /** It held a message for too long, before 4.3. */
  onTimedOut(): void;
}
