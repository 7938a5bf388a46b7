import type { Clock } from './effects.ts';
import type { Logger } from './logger.ts';
import type { HeaderTable, MessageProperties } from './message.ts';

/** One message as it waits in an outbox. */
export interface OutboxMessage {
  /** Its number in the store, as text. Those of one key grow in the order in which their transactions committed. */
  readonly position: string;
  readonly messageId: string;
  /** Messages of one key are sent one after the other; undefined where order does not matter. */
  readonly key: string | undefined;
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Uint8Array;
  readonly properties: MessageProperties;
  readonly headers: HeaderTable | undefined;
  /** Attempts that the broker has answered with a refusal. */
  readonly attempts: number;
  /** What is left of its delay as it is taken, in milliseconds; undefined for one without. */
  readonly delayMs?: number | undefined;
}

/** What became of one message in one pass. */
export type OutboxResult =
  /** The broker has confirmed it. */
  | { readonly status: 'sent' }
  /** Refused; to be tried again no sooner than after the delay. Counts as an attempt. */
  | { readonly status: 'failed'; readonly delayMs: number; readonly error: OutboxFailure }
  /** Refused for the last time: it waits for a person. */
  | { readonly status: 'set aside'; readonly error: OutboxFailure }
  /** Nothing is known against the message: it stays as it is. */
  | { readonly status: 'waiting' };

export interface OutboxFailure {
  readonly code: string;
  readonly message: string;
}

export interface OutboxStats {
  /** Messages that wait, counted up to 100_000. */
  readonly depth: number;
  readonly oldestMs: number;
  /** Counted up to 100_000. */
  readonly setAside: number;
}

/** A message that failed for good. */
export interface SetAsideMessage {
  readonly position: string;
  readonly messageId: string;
  readonly key: string | undefined;
  readonly exchange: string;
  readonly routingKey: string;
  readonly attempts: number;
  readonly error: OutboxFailure;
  readonly createdAt: Date;
  readonly setAsideAt: Date;
}

export interface OutboxStoreContext {
  readonly clock: Clock;
  readonly log: Logger;
  /** To be called when there may be something to send. Must not be relied on. */
  readonly wake: () => void;
}

/** Where an outbox keeps its messages, as a relay sees it. `@surehop/outbox` implements it on PostgreSQL. */
export interface OutboxStore {
  /** For people: what `health()` calls it. */
  readonly name: string;
  /**
   * Connects, and checks that the store is as this release needs it. It serves one relay at a time; when this rejects, it
   * is as it was.
   */
  open(context: OutboxStoreContext): Promise<void>;
  /**
   * Takes messages that are due, so that no other relay takes them meanwhile, and writes down what became of each. Dies
   * the process, or is the store lost, while `send` runs, then nothing is written down and all of them are due again.
   *
   * @param send resolves to one result per message, in their order, and never rejects
   * @returns how many were taken
   */
  pass(send: (messages: readonly OutboxMessage[]) => Promise<readonly OutboxResult[]>): Promise<number>;
  stats(): Promise<OutboxStats>;
  /** Removes what was sent longer ago than this. Resolves to how many. */
  removeSent(retentionMs: number): Promise<number>;
  /** What was set aside, the oldest first. */
  listSetAside(options?: { readonly limit?: number; readonly after?: string }): Promise<readonly SetAsideMessage[]>;
  /** Lets what was set aside be tried again, with all its attempts. Resolves to how many of them were set aside. */
  retry(positions: readonly string[]): Promise<number>;
  /** Deletes what was set aside, for ever. Resolves to how many of them were set aside. */
  discard(positions: readonly string[]): Promise<number>;
  close(): Promise<void>;
}
