import type { Delivery } from './delivery.ts';

/** A subscription, as a gate sees it. */
export interface Entrance {
  /** Whether what enters is started; what is not should be given back. */
  readonly isTaking: boolean;
  /** The delivery may start as soon as there is room for its handler. It need not be the one that came: it stands for it. */
  enter(delivery: Delivery): void;
}

/** Stands between a delivery's arrival and its start, where the order in which they start matters. */
export interface Gate {
  /** Lets it enter, now or later, or settles it. */
  arrived(delivery: Delivery, from: Entrance): void;
  /** Gives out what has not entered, to be given back. It forgets about those. */
  withdraw(from: Entrance): readonly Delivery[];
  /** The channel is gone, and the broker has everything back that was not settled. */
  lost(from: Entrance): void;
}
