import type { OutgoingMessage } from '@surehop/core/internal';
import type { DeadMessage } from './dead-message.ts';

/** What is to become of a message that an action is about. */
export type Fate =
  /** Acknowledged: it is gone. */
  | { readonly kind: 'go' }
  /** Acknowledged once this copy is stored. */
  | { readonly kind: 'copy'; readonly copy: OutgoingMessage }
  /** It is done with, and stays in the queue. */
  | { readonly kind: 'stay' }
  /** Nothing can be done with it: it stays, and the report says why. */
  | { readonly kind: 'skip'; readonly why: string };

/** What is done with the messages of a queue, whichever way they are got at. */
export interface Action {
  /** True when it is about this message. */
  matches(message: DeadMessage): boolean;
  /** Asked once for each message it is about, in their order. */
  fate(message: DeadMessage): Fate | Promise<Fate>;
  /** Every message stays: some may be acted on before the last of them was looked at. */
  readonly takesNothing?: boolean;
  /** A copy was stored. */
  onStored?(message: DeadMessage, copy: OutgoingMessage): void;
  /** Of a pass: it stays in the queue, and is not asked for again. */
  onLeft?(message: DeadMessage): void;
  /** Called before any of the messages that `fate` was last asked for leaves its place. */
  flush?(): Promise<void>;
  /** Those messages stay in their place, and will be asked for again: forgets what was written since `flush`. */
  forget?(): void;
  /**
   * True for a message that came into the queue after the action began, so that everything behind it did too. Such a
   * message is never acted on.
   */
  isNewer?(message: DeadMessage): boolean;
}

/** A copy, or why there can be none. */
export type CopyAttempt = { readonly copy: OutgoingMessage } | { readonly why: string };
