import type { HeaderTable, SurehopError } from '@surehop/core';
import type { Attempts, IncomingMessage } from '@surehop/core/internal';
import type { Settlement } from './settler.ts';

/** What is known of a delivery that is handled in the order of its key. */
export interface Turn {
  /** As it was delivered, with what its failures in this process have added to its headers. */
  message: IncomingMessage;
  attempts: Attempts;
  readonly body: unknown;
}

/** One message that waits to be settled, on the channel that delivered it. */
export interface Delivery {
  readonly message: IncomingMessage;
  /** Undefined where no key has an order. */
  turn?: Turn | undefined;
  /** How often the broker delivered it before, where it counts that. */
  readonly deliveryCount: number;
  /** Aborts when its channel is gone: it cannot be settled any more, and the broker delivers it again. */
  readonly gone: AbortSignal;
  /** Does nothing when it was settled before, or its channel is gone. */
  settle(settlement: Settlement): void;
  /** Its copy is on its way: it will be settled within moments. */
  moving?(): void;
  /**
   * Keeps it and starts it once more, after the delay and with these headers: for those whose order does not allow that it
   * waits in a rung.
   */
  again?(headers: HeaderTable, delayMs: number): void;
  /** Its handler is called. */
  begun?(): void;
  /** Its handler has returned, or never will. */
  left?(): void;
}

/** The channel that deliveries came through, as they see it. */
export interface Origin {
  readonly gone: AbortSignal;
  settle(delivery: Delivery, settlement: Settlement): void;
  moving?(delivery: Delivery): void;
}

export class ChannelDelivery implements Delivery {
  readonly message: IncomingMessage;
  readonly deliveryCount: number;
  turn: Turn | undefined;
  readonly #origin: Origin;

  constructor(message: IncomingMessage, deliveryCount: number, origin: Origin) {
    this.message = message;
    this.deliveryCount = deliveryCount;
    this.#origin = origin;
  }

  get gone(): AbortSignal {
    return this.#origin.gone;
  }

  settle(settlement: Settlement): void {
    this.#origin.settle(this, settlement);
  }

  moving(): void {
    this.#origin.moving?.(this);
  }
}

/** A delivery that a handler is at work on. */
export interface Running {
  readonly delivery: Delivery;
  /** Among those of its subscription. */
  place: number;
  /** Whether anything is still expected of it. */
  readonly isAwaited: boolean;
  /** Aborts the handler's signal and waits for it no longer. */
  abandon(reason: SurehopError): void;
}

/** Whose slots running handlers take. */
export interface Slots {
  onStuck(): void;
  /** Its slot is free again. Never called in the call that took it. */
  onReturned(running: Running, wasStuck: boolean): void;
}

/** What every log line about a message says of it. */
export interface MessageFields extends Readonly<Record<string, unknown>> {
  readonly queue: string;
  readonly messageId: string | undefined;
  readonly attempt: number;
}

export function messageFields(queue: string, message: IncomingMessage, attempts: Attempts): MessageFields {
  return { queue, messageId: message.properties.messageId, attempt: attempts.failedAttempts + 1 };
}
