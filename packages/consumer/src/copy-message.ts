import type { HeaderTable, MessageProperties } from '@surehop/core';
import {
  copyProperties,
  deadLetterName,
  type FailureReason,
  failureHeaders,
  type IncomingMessage,
  type OutgoingMessage,
  rungName,
  sentOnHeaders,
} from '@surehop/core/internal';

/** A message that failed, and how. */
export interface Failure {
  readonly message: IncomingMessage;
  readonly queue: string;
  readonly error: unknown;
  /** Those that count, this one included where it does. */
  readonly failedAttempts: number;
  /** In milliseconds since the Unix epoch. */
  readonly failedAt: number;
}

/** What a copy must fit into. */
export interface CopyLimits {
  /** Of the publishing link, in bytes; 0 means none. */
  readonly frameMax: number;
  /** For originals without a message id: only by one can the broker tell that it could not route the copy. */
  readonly newId: () => string;
}

/** @returns undefined when no copy can be published: its headers are too large, or cannot be encoded again */
export function retryCopy(
  failure: Failure,
  rungMs: number,
  notBefore: number | undefined,
  limits: CopyLimits,
): OutgoingMessage | undefined {
  return copyOf(failure, rungName(failure.queue, rungMs), { notBefore }, limits);
}

/** @returns undefined when no copy can be published */
export function deadLetterCopy(
  failure: Failure,
  reason: FailureReason,
  limits: CopyLimits,
): OutgoingMessage | undefined {
  return copyOf(failure, deadLetterName(failure.queue), { reason }, limits);
}

/** The copy of a message that is only sent on, because its time has not come. Our headers stay as they are. */
export function sentOnCopy(
  message: IncomingMessage,
  queue: string,
  rungMs: number,
  limits: CopyLimits,
): OutgoingMessage | undefined {
  const properties = propertiesOf(message, limits);
  const headers = sentOnHeaders(message.headers, properties, headerLimit(limits));
  return headers && outgoing(message, rungName(queue, rungMs), properties, headers);
}

const droppedHeaders = 'surehop-dropped-headers';
const longestDroppedList = 4_096;

/**
 * The dead letter of a message that cannot be copied as it is: without its foreign headers, whose names are listed, and
 * with such properties only as can be encoded. For queues whose own arguments would let the broker drop it.
 */
export function bareDeadLetterCopy(
  failure: Failure,
  reason: FailureReason,
  limits: CopyLimits,
): OutgoingMessage | undefined {
  const { message } = failure;
  const properties = encodableProperties(message.properties);
  const copyWith = (headers: HeaderTable) =>
    deadLetterCopy({ ...failure, message: { ...message, properties, headers } }, reason, limits);
  // Ours tell of earlier failures; somebody else may have written into them what cannot be written again.
  const ours = Object.fromEntries(Object.entries(message.headers).filter(([name]) => name.startsWith('surehop-')));
  const copy = copyWith(ours) ?? copyWith({});
  if (copy === undefined) return undefined;
  const names = Object.keys(message.headers).filter((name) => !(name in (copy.headers ?? {})));
  const list = Buffer.from(names.join(', ')).subarray(0, longestDroppedList).toString();
  return { ...copy, headers: { ...copy.headers, [droppedHeaders]: list } };
}

function copyOf(
  failure: Failure,
  routingKey: string,
  fields: { readonly reason?: FailureReason; readonly notBefore?: number | undefined },
  limits: CopyLimits,
): OutgoingMessage | undefined {
  const { message, queue, error, failedAttempts, failedAt } = failure;
  const properties = propertiesOf(message, limits);
  const headers = failureHeaders({
    headers: message.headers,
    properties,
    failedAttempts,
    failedAt,
    ...fields,
    error,
    consumer: message.consumerTag,
    queue,
    exchange: message.exchange,
    routingKey: message.routingKey,
    limitBytes: headerLimit(limits),
  });
  return headers && outgoing(message, routingKey, properties, headers);
}

function propertiesOf({ properties }: IncomingMessage, { newId }: CopyLimits): MessageProperties {
  const kept = copyProperties(properties);
  return kept.messageId ? kept : { ...kept, messageId: newId() };
}

function outgoing(
  { content }: IncomingMessage,
  routingKey: string,
  properties: MessageProperties,
  headers: HeaderTable,
): OutgoingMessage {
  // Through the default exchange: with an alternate, `mandatory` would not see that a rung is missing.
  return { exchange: '', routingKey, mandatory: true, content, properties, headers };
}

/** Below what amqplib encodes at the most, and below one frame with the properties beside them. */
function headerLimit({ frameMax }: CopyLimits): number {
  return frameMax === 0 ? 60_000 : Math.min(60_000, frameMax - 1_024);
}

/** Texts that the protocol can carry; numbers are left out, as they are what could not be encoded. */
function encodableProperties(properties: MessageProperties): MessageProperties {
  return Object.fromEntries(
    Object.entries(properties).filter(([, value]) => typeof value === 'string' && Buffer.byteLength(value) <= 255),
  );
}
