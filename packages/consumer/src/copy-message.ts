import type { HeaderTable, MessageProperties } from '@surehop/core';
import {
  copyProperties,
  deadLetterName,
  delayEntrance,
  delayHeaders,
  delayKey,
  EncodedMessage,
  type FailureReason,
  failureHeaders,
  headerNames,
  type IncomingMessage,
  iso,
  longestNetworkDelayMs,
  type OutgoingMessage,
  retryHeaderBytes,
  rungName,
  sentOnHeaders,
  waitingName,
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
  /** Of a message that was read from a stream: where it stands there, and who could not handle it. */
  readonly inStream?: { readonly offset: number; readonly reader: string } | undefined;
}

/** What a copy must fit into. */
export interface CopyLimits {
  /** Of the publishing link, in bytes; 0 means none. */
  readonly frameMax: number;
  /** For originals without a message id: only by one can the broker tell that it could not route the copy. */
  readonly newId: () => string;
  /** Of headers that are added to the copy. */
  readonly reservedBytes?: number;
}

/** @returns undefined when no copy can be published: its headers are too large, or cannot be encoded again */
export function retryCopy(
  failure: Failure,
  rungMs: number,
  notBefore: number | undefined,
  limits: CopyLimits,
): OutgoingMessage | undefined {
  const { message } = failure;
  const rung = rungName(failure.queue, rungMs);
  const from = notBefore === undefined ? message.encodedHeaders : undefined;
  if (from !== undefined) {
    const properties = propertiesOf(message, limits);
    const bytes = retryHeaderBytes(inputOf(failure, properties, noFields, limits), from);
    if (bytes !== undefined) return new EncodedMessage('', rung, message.content, properties, bytes);
  }
  return copyOf(failure, rung, { notBefore }, limits);
}

/** A copy that waits in the delay network for just so long. @returns undefined when no copy can be published */
export function delayedCopy(failure: Failure, wait: Wait, limits: CopyLimits): OutgoingMessage | undefined {
  const notBefore = wait.delayMs > longestNetworkDelayMs ? failure.failedAt + wait.delayMs : undefined;
  const room = { ...limits, reservedBytes: delayHeaderBytes };
  const copy = copyOf(failure, delayKey(failure.queue), { notBefore }, room);
  return copy && delayed(copy, failure.queue, wait);
}

/** As {@link sentOnCopy}, through the delay network. */
export function sentOnDelayedCopy(
  message: IncomingMessage,
  queue: string,
  wait: Wait,
  limits: CopyLimits,
): OutgoingMessage | undefined {
  const room = { ...limits, reservedBytes: delayHeaderBytes };
  const copy = sentOnCopy(message, queue, 0, room);
  return copy && delayed({ ...copy, routingKey: delayKey(queue) }, queue, wait);
}

/** How long a message waits, and from when. */
export interface Wait {
  readonly delayMs: number;
  /** In milliseconds since the Unix epoch. */
  readonly from: number;
}

/** More than the headers of any delay take. */
const delayHeaderBytes = 1_024;

function delayed(copy: OutgoingMessage, queue: string, { delayMs, from }: Wait): OutgoingMessage {
  const headers = delayHeaders({ kind: 'queue', name: queue }, delayMs, from + delayMs);
  return { ...copy, exchange: delayEntrance, headers: { ...copy.headers, ...headers } };
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

/** More than the headers of any waiting message take. */
const waitingHeaderBytes = 1_024;

/**
 * The copy of a message that waits for an earlier one of its key: as it is, with what is to be known when it comes back.
 *
 * @param notBefore in milliseconds since the Unix epoch; undefined where it waits for others only
 */
export function waitingCopy(
  message: IncomingMessage,
  queue: string,
  waiting: HeaderTable,
  notBefore: number | undefined,
  limits: CopyLimits,
): OutgoingMessage | undefined {
  // A quorum queue of 4.0 and later would hand out first what has a high priority.
  const { priority: _priority, ...properties } = propertiesOf(message, limits);
  const headers = sentOnHeaders(message.headers, properties, headerLimit(limits) - waitingHeaderBytes);
  const time = notBefore === undefined ? {} : { [headerNames.notBefore]: iso(notBefore) };
  return (
    headers &&
    outgoing(message, waitingName(queue), properties, { ...headers, [headerNames.waiting]: waiting, ...time })
  );
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
  fields: CopyFields,
  limits: CopyLimits,
): OutgoingMessage | undefined {
  const { message } = failure;
  const properties = propertiesOf(message, limits);
  const headers = failureHeaders({ ...inputOf(failure, properties, fields, limits), headers: message.headers });
  return headers && outgoing(message, routingKey, properties, headers);
}

type Described = Parameters<typeof retryHeaderBytes>[0];

const noFields: CopyFields = {};

interface CopyFields {
  readonly reason?: FailureReason;
  readonly notBefore?: number | undefined;
}

function inputOf(failure: Failure, properties: MessageProperties, fields: CopyFields, limits: CopyLimits): Described {
  const { message, queue, error, failedAttempts, failedAt, inStream } = failure;
  return {
    properties,
    failedAttempts,
    failedAt,
    inStream,
    reason: fields.reason,
    notBefore: fields.notBefore,
    error,
    consumer: message.consumerTag,
    queue,
    exchange: message.exchange,
    routingKey: message.routingKey,
    limitBytes: headerLimit(limits),
  };
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
function headerLimit({ frameMax, reservedBytes = 0 }: CopyLimits): number {
  return (frameMax === 0 ? 60_000 : Math.min(60_000, frameMax - 1_024)) - reservedBytes;
}

/** Texts that the protocol can carry; numbers are left out, as they are what could not be encoded. */
function encodableProperties(properties: MessageProperties): MessageProperties {
  return Object.fromEntries(
    Object.entries(properties).filter(([, value]) => typeof value === 'string' && Buffer.byteLength(value) <= 255),
  );
}
