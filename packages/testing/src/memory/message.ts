import type { HeaderTable, MessageProperties } from '@surehop/core';

/** One death of a message, as `x-death` tells it; the newest comes first. */
export interface Death {
  readonly queue: string;
  readonly reason: DeathReason;
  readonly exchange: string;
  readonly routingKeys: readonly string[];
  /** In seconds since the Unix epoch. */
  readonly time: number;
  readonly count: number;
  readonly originalExpiration?: string;
}

export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit';

/** A message as a broker keeps it. Its parts are shared among queues and never changed. */
export interface Message {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Uint8Array;
  readonly properties: MessageProperties;
  readonly headers: HeaderTable | undefined;
  /** Where it died before; of its publisher's own `x-death` where the release reads that. */
  readonly deaths: readonly Death[];
  readonly firstDeath: Death | undefined;
  /** Counters of the queue where it died last. */
  readonly carried: Counts | undefined;
}

export interface Counts {
  /** How often it was delivered and failed. */
  readonly delivery: number;
  /** How often it was delivered and came back for whatever reason. */
  readonly acquired: number;
}

/** A message in one queue. */
export interface Entry {
  readonly message: Message;
  /** Its place: what came back goes before what came later. */
  readonly order: number;
  /** On the broker's clock; undefined: never. */
  readonly expiresAt: number | undefined;
  deliveryCount: number;
  acquiredCount: number;
  /** It came back to this queue. */
  redelivered: boolean;
}
