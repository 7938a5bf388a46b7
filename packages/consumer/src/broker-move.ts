import type { EntityState, TopologyMode } from '@surehop/core';

/** What is known of a queue at this moment. */
export interface Knowledge {
  /** What `connect()` was asked to do with topology. */
  readonly mode: TopologyMode;
  /** Whether the queue has no contract: what it does with a dead message is somebody else's affair. */
  readonly isRaw: boolean;
  /** Whether it lets go of a dead message only once the dead-letter queue has confirmed it. */
  readonly isQuorum: boolean;
  /** Undefined when nothing is known of it. */
  readonly state: EntityState | undefined;
}

/**
 * Pure: whether `nack` without requeue surely moves a message to the dead-letter queue. Where nobody has declared or
 * compared the queue it may have no dead-letter exchange, and the broker would drop the message.
 */
export function brokerLaysAside({ mode, isRaw, isQuorum, state }: Knowledge): boolean {
  if (isRaw) return false;
  if (mode === 'declare') return state !== 'mismatch';
  // What binds the dead-letter queue may be missing all the same: a quorum queue keeps the message then.
  return mode === 'verify' && isQuorum && state === 'compared';
}
