import { isUint8Array } from 'node:util/types';
import { SurehopError } from './errors.ts';
import { encodableHeaders } from './header-values.ts';
import type { HeaderTable, MessageProperties } from './message.ts';
import { kindOf } from './option-checks.ts';
import { longestDelayMs } from './retry-policy.ts';
import { encodedTableSize } from './table-size.ts';

export { encodableHeaders } from './header-values.ts';

/** A message before it is checked: what a caller or another client made of it, whatever the types say. */
export interface UncheckedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: MessageProperties;
  readonly headers: HeaderTable | undefined;
  readonly content: Uint8Array;
}

/** What the connection at hand can carry. */
export interface OutgoingLimits {
  readonly maxMessageBytes: number;
  /** For all headers together, as they are encoded: the lower of 60 kB and the negotiated frame_max less 1 kB. */
  readonly maxHeaderBytes: number;
  /** The login; undefined where it is not known (a client certificate), and no `userId` can be checked against it. */
  readonly username: string | undefined;
  /** Whether the publishing channel consumes `amq.rabbitmq.reply-to`. @default false */
  readonly replyToConsumer?: boolean;
}

/**
 * Refuses, before anything is written, what amqplib would refuse or change and what the broker would answer by closing
 * the channel, which would end everybody's publishes on it.
 *
 * @returns the headers to send: a deep copy, as {@link encodableHeaders} makes it
 * @throws {SurehopError} SUREHOP_PROPERTIES_INVALID, SUREHOP_MESSAGE_TOO_LARGE or SUREHOP_HEADERS_TOO_LARGE. The text
 * names the property and the kind of its value, never the payload
 */
export function checkOutgoing(message: UncheckedMessage, limits: OutgoingLimits): HeaderTable | undefined {
  const { properties, content } = message;
  repeatedString(properties, 'exchange', message.exchange);
  repeatedString(properties, 'routingKey', message.routingKey);
  if (!isUint8Array(content)) refuse(properties, `content must be a Uint8Array, got ${kindOf(content)}`);
  if (content.length > limits.maxMessageBytes) {
    const size = `${content.length} bytes, the limit is ${limits.maxMessageBytes} (maxMessageBytes)`;
    throw tooLarge('SUREHOP_MESSAGE_TOO_LARGE', `the body of ${named(properties)} has ${size}`);
  }
  checkProperties(properties, limits);
  return message.headers === undefined ? undefined : checkHeaders(message.headers, properties, limits);
}

/**
 * By how many bytes the properties exceed what the 1 kB that {@link OutgoingLimits.maxHeaderBytes} leaves of a frame has
 * for them: headers must be smaller by as much. 0 for every usual message.
 */
export function propertyExcess(properties: MessageProperties): number {
  const { contentType, contentEncoding, correlationId, replyTo, expiration, messageId, type, userId, appId } =
    properties;
  const units =
    unitsOf(contentType) +
    unitsOf(contentEncoding) +
    unitsOf(correlationId) +
    unitsOf(replyTo) +
    unitsOf(expiration) +
    unitsOf(messageId) +
    unitsOf(type) +
    unitsOf(userId) +
    unitsOf(appId);
  // Three bytes is the most that one UTF-16 unit takes: hardly ever must they be counted.
  if (shortStrings.length + 3 * units <= roomForProperties) return 0;
  let bytes = 0;
  for (const name of shortStrings) {
    const value = properties[name];
    if (value !== undefined) bytes += 1 + Buffer.byteLength(value);
  }
  return Math.max(0, bytes - roomForProperties);
}

function unitsOf(text: string | undefined): number {
  return text === undefined ? 0 : text.length;
}

/** 1,024 bytes less those of frame, flags, numbers and the length of the headers. */
const roomForProperties = 980;

/** The properties that are strings, of at most 255 bytes. */
export const shortStrings: readonly Exclude<keyof MessageProperties, 'deliveryMode' | 'priority' | 'timestamp'>[] = [
  'contentType',
  'contentEncoding',
  'correlationId',
  'replyTo',
  'expiration',
  'messageId',
  'type',
  'userId',
  'appId',
];

function checkProperties(properties: MessageProperties, limits: OutgoingLimits): void {
  // One by one: most messages have two of them, and reading a property by a variable name costs as much as checking it.
  const { contentType, contentEncoding, correlationId, replyTo, expiration, messageId, type, userId, appId } =
    properties;
  if (contentType !== undefined) repeatedString(properties, 'contentType', contentType);
  if (messageId !== undefined) shortString(properties, 'messageId', messageId);
  if (contentEncoding !== undefined) shortString(properties, 'contentEncoding', contentEncoding);
  if (correlationId !== undefined) shortString(properties, 'correlationId', correlationId);
  if (replyTo !== undefined) shortString(properties, 'replyTo', replyTo);
  if (expiration !== undefined) shortString(properties, 'expiration', expiration);
  if (type !== undefined) shortString(properties, 'type', type);
  if (userId !== undefined) shortString(properties, 'userId', userId);
  if (appId !== undefined) shortString(properties, 'appId', appId);
  const { deliveryMode, priority, timestamp } = properties;
  if (deliveryMode !== undefined && deliveryMode !== 1 && deliveryMode !== 2) {
    refuse(properties, `deliveryMode must be 1 or 2, got ${shown(deliveryMode)}`);
  }
  if (priority !== undefined && !isInteger(priority, 255)) {
    refuse(properties, `priority must be an integer in [0, 255], got ${shown(priority)}`);
  }
  if (timestamp !== undefined && !isInteger(timestamp, largestTimestamp)) {
    refuse(properties, `timestamp must be whole seconds since the Unix epoch, as a number, got ${shown(timestamp)}`);
  }
  if (expiration !== undefined && !isExpiration(expiration)) {
    refuse(properties, `expiration must be whole milliseconds in [0, ${longestDelayMs}], as a string of digits`);
  }
  if (userId !== undefined && userId !== limits.username) refuse(properties, userIdRefusal(limits.username));
  if (replyTo === 'amq.rabbitmq.reply-to' && limits.replyToConsumer !== true) {
    refuse(properties, 'replyTo amq.rabbitmq.reply-to needs a consumer of that name on the publishing channel');
  }
}

function userIdRefusal(username: string | undefined): string {
  if (username === undefined) return 'userId cannot be checked, since the login is not known here; leave it out';
  return "userId must be the connection's own login; the broker closes the channel for any other";
}

function isExpiration(value: string): boolean {
  return /^\d{1,15}$/.test(value) && Number(value) <= longestDelayMs;
}

function checkHeaders(given: HeaderTable, properties: MessageProperties, limits: OutgoingLimits): HeaderTable {
  const headers = encodableHeaders(given, named(properties));
  for (const name of ['CC', 'BCC']) {
    const value = headers[name];
    if (value === undefined || (Array.isArray(value) && value.every((key) => typeof key === 'string'))) continue;
    refuse(properties, `header ${name} must be an array of strings`);
  }
  if (headers['x-death'] !== undefined) {
    refuse(properties, 'header x-death belongs to the broker; one that it did not write can stop its dead lettering');
  }
  const bytes = encodedTableSize(headers);
  const limit = limits.maxHeaderBytes - propertyExcess(properties);
  if (bytes <= limit) return headers;
  const size = `${bytes} bytes, the limit is ${limit}`;
  throw tooLarge('SUREHOP_HEADERS_TOO_LARGE', `the headers of ${named(properties)} have ${size}`);
}

/** What passed last: most messages go where the one before went. */
const passed: Record<'exchange' | 'routingKey' | 'contentType', string> = {
  exchange: '',
  routingKey: '',
  contentType: '',
};

function repeatedString(properties: MessageProperties, name: keyof typeof passed, value: string): void {
  if (value === passed[name]) return;
  shortString(properties, name, value);
  passed[name] = value;
}

function shortString(properties: MessageProperties, name: string, value: unknown): void {
  if (typeof value !== 'string') refuse(properties, `${name} must be a string, got ${kindOf(value)}`);
  // Three bytes is the most that one UTF-16 unit takes: most strings need no counting.
  if (value.length > 85 && Buffer.byteLength(value) > 255) {
    refuse(properties, `${name} must not be longer than 255 bytes of UTF-8, got ${Buffer.byteLength(value)}`);
  }
  // It would arrive changed: a returned message could no longer be told by its id.
  if (halfCharacter.test(value)) refuse(properties, `${name} must not contain half a character (a lone surrogate)`);
}

/** The largest number below 2^64 that JavaScript has. */
const largestTimestamp = 2 ** 64 - 2 ** 11;
const halfCharacter = /\p{Surrogate}/u;

function isInteger(value: unknown, max: number): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function shown(value: unknown): string {
  return typeof value === 'number' ? String(value) : kindOf(value);
}

function named({ messageId }: MessageProperties): string {
  return typeof messageId === 'string' ? `message ${messageId.slice(0, 100)}` : 'a message without id';
}

function refuse(properties: MessageProperties, why: string): never {
  throw new SurehopError('SUREHOP_PROPERTIES_INVALID', `${named(properties)}: ${why}`, { retryable: false });
}

function tooLarge(code: 'SUREHOP_MESSAGE_TOO_LARGE' | 'SUREHOP_HEADERS_TOO_LARGE', message: string): SurehopError {
  return new SurehopError(code, `${message}; nothing was sent`, { retryable: false });
}
