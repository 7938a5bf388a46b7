import type { FailureRecord, IncomingMessage } from '@surehop/core/internal';
import type { Settlement } from './settler.ts';

/** One message that waits to be settled, on the channel that delivered it. */
export interface Delivery {
  readonly message: IncomingMessage;
  /** How often the broker delivered it before, where it counts that. */
  readonly deliveryCount: number;
  /** Aborts when its channel is gone: it cannot be settled any more, and the broker delivers it again. */
  readonly gone: AbortSignal;
  /** Does nothing when it was settled before, or its channel is gone. */
  settle(settlement: Settlement): void;
}

/** The place that a running handler takes. */
export interface Slot {
  onStuck(): void;
  /** Free again. Never called in the call that took it. */
  onReturned(wasStuck: boolean): void;
}

/** What every log line about a message says of it. */
export interface MessageFields extends Readonly<Record<string, unknown>> {
  readonly queue: string;
  readonly messageId: string | undefined;
  readonly attempt: number;
}

export function messageFields(queue: string, message: IncomingMessage, record: FailureRecord): MessageFields {
  return { queue, messageId: message.properties.messageId, attempt: record.failedAttempts + 1 };
}
