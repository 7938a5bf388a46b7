import type { CloseOptions, ExchangeContract, QueueContract, StreamContract } from '@surehop/core';
import type { RawDestination, RawProperties } from '@surehop/publisher';
import type { SpoolPublishOptions } from './draft.ts';
import type { ListSetAsideOptions, SetAsideSpoolMessage } from './set-aside.ts';
import type { SpoolHealth } from './spool-health.ts';
import type { SpoolReceipt } from './spool-receipt.ts';

/** Publishes messages by way of a file on this machine. Made by `createSpoolingPublisher`. */
export interface SpoolingPublisher extends AsyncDisposable {
  /**
   * Publishes one message and resolves once it is stored: in the file on this machine's disk, or by the broker in at least
   * one queue, whichever comes first; the receipt says which. What is in the file is sent, in the order of the calls and
   * under the same message id, as soon as the broker is there, by this process or the next one that opens the file.
   *
   * A message that the broker refuses or cannot route is tried again and, in the end, set aside; it holds up no other.
   * A call with a message id that the spool has already is the same message, if body and address are the same.
   *
   * @param to a queue, or an exchange; what it needs is declared before the message is sent
   * @throws {BodyInvalidError} the body does not fit the schema; nothing is stored
   * @throws {NotSentError} the deadline passed before the message could be stored; it is not stored
   * @throws {UnknownOutcomeError} the deadline passed while disk or broker had it; it may be stored, and be sent
   * @throws {SurehopError} by `code`, nothing stored: SUREHOP_SPOOL_FULL, SUREHOP_SPOOL_WRITE_FAILED (a full disk, for
   *   example, and the broker away), SUREHOP_MESSAGE_ID_REUSED, SUREHOP_PUBLISHER_FULL, SUREHOP_OPTION_INVALID,
   *   SUREHOP_BODY_UNENCODABLE, SUREHOP_MESSAGE_TOO_LARGE, SUREHOP_HEADERS_TOO_LARGE, SUREHOP_PROPERTIES_INVALID, SUREHOP_CLOSED
   */
  publish<In>(
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown> | StreamContract<In, unknown>,
    body: NoInfer<In>,
    options?: SpoolPublishOptions,
  ): Promise<SpoolReceipt>;
  /** Publishes bytes without a contract: nothing is declared, checked against a schema or encoded. Settles as `publish` does. */
  publishTo(
    to: RawDestination,
    content: Uint8Array,
    properties?: RawProperties,
    options?: { readonly deadlineMs?: number },
  ): Promise<SpoolReceipt>;
  /** What is known now, from memory. */
  health(): SpoolHealth;
  /** Messages that are not sent any more, in the order in which they were accepted. */
  listSetAside(options?: ListSetAsideOptions): Promise<readonly SetAsideSpoolMessage[]>;
  /** Sends what was set aside again, behind what waits. Resolves to how many there were. */
  retry(positions: readonly string[]): Promise<number>;
  /** Deletes what was set aside, for good. Resolves to how many there were. */
  discard(positions: readonly string[]): Promise<number>;
  /**
   * Takes no more messages, waits for the calls and for what is on its way, and closes the file. What is in the file stays
   * there for the next process. Safe to call twice. Also called by the connection's `close()`.
   *
   * @param options.timeoutMs how long to wait, in milliseconds. Default 10_000
   */
  close(options?: CloseOptions): Promise<void>;
}
