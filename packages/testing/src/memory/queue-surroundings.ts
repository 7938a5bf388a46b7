import type { BrokerTime } from './broker-time.ts';
import type { Message } from './message.ts';
import type { Release } from './release.ts';

/** A queue, for who has a message for it. */
export interface MessageTarget {
  readonly isDeleted: boolean;
  /** Calls back once, as soon as it is known whether the message is stored. */
  enqueue(message: Message, onStored: (stored: boolean) => void): void;
}

/** A queue, for who deletes it when nobody uses it. */
export interface ExpiringQueue {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly consumers: number;
  readonly isDeleted: boolean;
}

/** What a queue needs of its broker. */
export interface QueueSurroundings {
  readonly time: BrokerTime;
  readonly release: Release;
  random(): number;
  /** How long a write takes, in milliseconds. */
  writeMs(): number;
  /** Somebody uses it, or has just ceased to. */
  used(queue: ExpiringQueue): void;
  /** The queues that a dead letter goes to, without those that it would go round to for ever. */
  targetsOf(message: Message): readonly MessageTarget[];
}
