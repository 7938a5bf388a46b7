import type { Clock, IncomingMessage } from '@surehop/core/internal';
import type { Delivery, Running, Slots } from './delivery.ts';
import type { Gate } from './gate.ts';
import type { Order } from './order.ts';

export interface SubscriptionOptions {
  readonly queue: string;
  readonly tag: string;
  readonly prefetch: number;
  /** Handlers at once. */
  readonly slots: number;
  readonly clock: Clock;
  readonly rpcTimeoutMs: number;
  readonly deliveryCountOf: (message: IncomingMessage) => number;
  /** A delivery came; true when no more are wanted. */
  readonly onArrival: (delivery: Delivery) => boolean;
  /** Whether it may be killing its consumers. */
  readonly isMarked: (delivery: Delivery) => boolean;
  /** Whether one more handler may run, beside those of older subscriptions. */
  readonly hasRoom: () => boolean;
  /** Whether no handler is at work, of whatever subscription. */
  readonly isCalm: () => boolean;
  /** Where order matters: decides when deliveries start. */
  readonly gate: Gate | undefined;
  /** Decides what is started next where messages of one key are handled in order; undefined where any may be. */
  readonly order: Order | undefined;
  /** Starts a handler, unless the message needs none. */
  readonly take: (delivery: Delivery, slots: Slots) => Running | undefined;
  /** A handler has made room: `startNext()` is called in this call where there is something to start. */
  readonly onRoom: () => void;
  /** It is off the broker's hands. Not told of what was given back. */
  readonly onSettled: (delivery: Delivery) => void;
  /** Its channel was given up, for the broker owed an answer. */
  readonly onUnanswered: (cause: Error) => void;
  /** Every slot is taken by a handler that will perhaps never return. */
  readonly onAllStuck: () => void;
}
