import type { HeaderTable, MessageProperties } from '@surehop/core';
import type { HistoryEntry } from '@surehop/core/internal';

/** A message in a dead-letter queue, with what its headers say of how it came there. Plain data. */
export interface DeadMessage {
  /**
   * Its message id; of a message without one `sha256:` and the first 32 digits of a hash over body, properties and
   * headers, those left out that change while it lies in the queue. Messages that are alike in all of it share that id.
   */
  readonly id: string;
  /** The queue where it lies. */
  readonly queue: string;
  /** The exchange and the routing key by which it came into that queue. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  /** A copy of its own. */
  readonly content: Uint8Array;
  readonly properties: MessageProperties;
  /** As they were delivered. Foreign: nothing in them may be trusted. */
  readonly headers: HeaderTable;
  readonly failure: Failure;
}

/** Which library's (or the broker's) headers a failure was read from. */
export type FailureSource = 'surehop' | 'masstransit' | 'nservicebus' | 'spring' | 'rebus' | 'broker' | 'none';

/** Why a message is dead, whoever wrote it down. What is not known is undefined. */
export interface Failure {
  readonly source: FailureSource;
  /**
   * `failed`, `dead-letter`, `undecodable`, `invalid` (docs/wire-format.md), or, of the broker's deaths, `delivery-limit`,
   * `expired`, `maxlen`, `rejected`, `uncopyable` (rejected into its contract's own queue) and `unroutable`; else what the
   * library says.
   */
  readonly reason: string | undefined;
  /** The last one that was written down. Of a broker's death it is what a handler threw before. */
  readonly error: FailureError | undefined;
  /** The queue where it failed, a rung's and a waiting queue's counted as their queue's: where a replay sends it. */
  readonly queue: string | undefined;
  /** Where it was first published; both or neither. */
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
  /** Attempts that failed and counted; 0 where nobody counted. */
  readonly attempts: number;
  /** Milliseconds since the Unix epoch. */
  readonly firstFailedAt: number | undefined;
  readonly failedAt: number | undefined;
  /** Its last ten failures at a consumer of ours, oldest first; from before a replay too. */
  readonly history: readonly HistoryEntry[];
  /** How often it was replayed, and when last, in milliseconds since the Unix epoch, and by whom. */
  readonly replayed: { readonly count: number; readonly at: number | undefined; readonly by: string | undefined };
}

/** What is not known is undefined. */
export interface FailureError {
  readonly name: string | undefined;
  readonly message: string | undefined;
  readonly code: string | undefined;
  readonly stack: string | undefined;
}
