import { delayEntrance, delayKey, isDelayHeader } from './delay-network.ts';
import { asError } from './errors.ts';
import { type HistoryEntry, headerNames, historyLength, longest, readFailure } from './failure-record.ts';
import type { HeaderTable, MessageProperties } from './message.ts';
import { propertyExcess } from './properties.ts';
import { encodedTableSize } from './table-size.ts';

export { type Attempts, readAttempts } from './failure-record.ts';

/** Why a message is a dead letter: attempts used up, the handler's `DeadLetter`, bytes without meaning, a schema's no. */
export type FailureReason = 'failed' | 'dead-letter' | 'undecodable' | 'invalid';

/** What to write on a copy of a message that failed. */
export interface FailureInput {
  /** As they were delivered. */
  readonly headers: HeaderTable;
  /** The copy's. What they take above the usual is taken from `limitBytes`: both travel in one frame. */
  readonly properties: MessageProperties;
  /** Failures that count, this one included where it does. */
  readonly failedAttempts: number;
  /** Milliseconds since the Unix epoch. */
  readonly failedAt: number;
  /** Not to be handled again before, in milliseconds since the Unix epoch. For retries only. */
  readonly notBefore?: number | undefined;
  /** For dead letters of a stream's reader only. */
  readonly inStream?: { readonly offset: number; readonly reader: string } | undefined;
  /** For dead letters only. */
  readonly reason?: FailureReason | undefined;
  /** What the handler, the codec or the schema threw. */
  readonly error: unknown;
  /** Whose failure it is, for the history: the consumer's tag or name. */
  readonly consumer: string;
  /** Where it failed. */
  readonly queue: string;
  /** Where this delivery came from. Taken for the first publish's where the headers do not name that. */
  readonly exchange: string;
  readonly routingKey: string;
  /** For all headers together, foreign ones included, in bytes as amqplib encodes them. */
  readonly limitBytes: number;
}

/**
 * The headers of a retry copy or a dead letter: the original's without what the broker put there, and ours. When they
 * are too large, the history goes first, oldest entries first, then the stack, then the message, cut at whole characters.
 *
 * @returns undefined when even the rest is too large, or when the original's cannot be encoded: then no copy can be published
 */
export function failureHeaders(input: FailureInput): HeaderTable | undefined {
  const headers = ownHeaders(input);
  addForeign(headers, input.headers, isBrokerOrOwnHeader);
  return fitted(headers, input.limitBytes - propertyExcess(input.properties));
}

/**
 * The headers of a copy that is only sent on, because its `surehop-not-before` has not come: ours stay as they are.
 *
 * @param properties the copy's
 * @param limitBytes for all headers together
 * @returns undefined when they are too large or cannot be encoded: then no copy can be published
 */
export function sentOnHeaders(
  headers: HeaderTable,
  properties: MessageProperties,
  limitBytes: number,
): HeaderTable | undefined {
  const kept: Record<string, unknown> = {};
  addForeign(kept, headers, isBrokerOrDelayHeader);
  return fitted(kept, limitBytes - propertyExcess(properties));
}

/** The properties of a copy: as they came, but persistent, and without what would harm it. */
export function copyProperties(properties: MessageProperties): MessageProperties {
  // An expiration would cut the delay short, another login's user id would close the channel.
  if (properties.expiration === undefined && properties.userId === undefined) return { ...properties, deliveryMode: 2 };
  const { expiration: _expiration, userId: _userId, ...kept } = properties;
  return { ...kept, deliveryMode: 2 };
}

/** Stale on a copy: brokers up to 3.13 take them for their own, later ones deliver them back. CC and BCC make more copies. */
const brokerHeader =
  /^(?:x-death|x-(?:first|last)-death-.*|x-delivery-count|x-acquired-count|x-stream-offset|CC|BCC)$/s;
const ownHeader: ReadonlySet<string> = new Set(Object.values(headerNames));

/** Whether a header is one that a broker writes, or follows, so that no copy may carry it. */
export function isBrokerHeader(name: string): boolean {
  return brokerHeader.test(name);
}

function isBrokerOrDelayHeader(name: string): boolean {
  return isBrokerHeader(name) || isDelayHeader(name);
}

/** Whether a header is not taken over to a retry or dead letter: it is the broker's, or ours and written anew. */
export function isBrokerOrOwnHeader(name: string): boolean {
  return ownHeader.has(name) || isBrokerOrDelayHeader(name);
}

function addForeign(to: Record<string, unknown>, from: HeaderTable, isDropped: (name: string) => boolean): void {
  for (const name of Object.keys(from)) {
    // Not assigned: a header may be called `__proto__`.
    if (!isDropped(name)) Object.defineProperty(to, name, { ...plain, value: from[name] });
  }
}

const plain = { configurable: true, enumerable: true, writable: true } as const;

function ownHeaders(input: FailureInput): Record<string, unknown> {
  const before = readFailure(input.headers);
  const { name, message, historyMessage, consumer, code } = errorTexts(input);
  // A retry is tried again: its stack would be read by nobody, and is what costs most of it, here and in the broker.
  const stack = input.reason !== undefined && input.error instanceof Error ? stackOf(input.error) : '';
  const at = iso(input.failedAt);
  const failure = { at, name, message: historyMessage, consumer };
  const origin = originOf(input);
  return {
    [headerNames.attempt]: input.failedAttempts,
    [headerNames.firstFailedAt]: iso(before.firstFailedAt ?? input.failedAt),
    [headerNames.failedAt]: at,
    ...(input.notBefore !== undefined && { [headerNames.notBefore]: iso(input.notBefore) }),
    ...(input.reason !== undefined && { [headerNames.reason]: input.reason }),
    [headerNames.errorName]: name,
    [headerNames.errorMessage]: message,
    ...(stack !== '' && { [headerNames.errorStack]: cutText(stack, longest.stack) }),
    ...(code !== undefined && { [headerNames.errorCode]: code }),
    [headerNames.history]: [...before.history.map(shortened), failure].slice(-historyLength),
    ...(input.inStream !== undefined && {
      [headerNames.streamOffset]: input.inStream.offset,
      [headerNames.reader]: input.inStream.reader,
    }),
    [headerNames.queue]: input.queue,
    [headerNames.exchange]: before.exchange ?? origin.exchange,
    [headerNames.routingKey]: before.routingKey ?? origin.routingKey,
  };
}

/** What is written of an error, and whose it is. */
export interface ErrorTexts {
  readonly name: string;
  readonly message: string;
  readonly historyMessage: string;
  readonly code: string | undefined;
  readonly consumer: string;
}

export function errorTexts({ error: thrown, consumer }: Pick<FailureInput, 'error' | 'consumer'>): ErrorTexts {
  const error = asError(thrown);
  const message = textIn(error, 'message') ?? '';
  const code = textIn(error, 'code');
  return {
    name: cutText(textIn(error, 'name') ?? 'Error', longest.name),
    message: cutText(message, longest.message),
    historyMessage: cutText(message, longest.historyMessage),
    code: code === undefined ? undefined : cutText(code, longest.name),
    consumer: cutText(consumer, longest.name),
  };
}

/** What came through the delay network was published to the queue itself. */
export function originOf({ queue, exchange, routingKey }: Pick<FailureInput, 'queue' | 'exchange' | 'routingKey'>): {
  exchange: string;
  routingKey: string;
} {
  const isDelayed = exchange.startsWith(delayEntrance) && routingKey === delayKey(queue);
  return isDelayed ? { exchange: '', routingKey: queue } : { exchange, routingKey };
}

function shortened({ at, name, message, consumer }: HistoryEntry): HistoryEntry {
  return {
    at,
    name: cutText(name, longest.name),
    message: cutText(message, longest.historyMessage),
    consumer: cutText(consumer, longest.name),
  };
}

/** The last moment that was written: many messages fail in one millisecond. */
let written = { epochMs: 0, text: '1970-01-01T00:00:00.000Z' };

/** A moment as it is written in a header. */
export function iso(epochMs: number): string {
  if (epochMs !== written.epochMs) written = { epochMs, text: new Date(epochMs).toISOString() };
  return written.text;
}

/** An error's text; undefined where there is none. Errors are foreign too: a getter may throw, a message be a number. */
function textIn(error: Error, property: 'name' | 'message' | 'code' | 'stack'): string | undefined {
  try {
    const value: unknown = (error as { code?: unknown } & Error)[property];
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
  } catch {
    return undefined;
  }
}

/** With the stacks of the causes below it, five at most. */
function stackOf(error: Error): string {
  const stacks: string[] = [];
  for (let one: unknown = error; one instanceof Error && stacks.length < 5; one = causeOf(one)) {
    stacks.push(textIn(one, 'stack') ?? '');
  }
  return stacks.filter((stack) => stack !== '').join('\nCaused by: ');
}

function causeOf(error: Error): unknown {
  try {
    return error.cause;
  } catch {
    return undefined;
  }
}

/** Cuts our headers, in place, until all fit. */
function fitted(headers: Record<string, unknown>, limitBytes: number): HeaderTable | undefined {
  try {
    for (const [name, shorten] of cuts) {
      const excess = encodedTableSize(headers) - limitBytes;
      if (excess <= 0) return headers;
      const shorter = shorten(headers[name], excess);
      if (shorter === undefined) delete headers[name];
      else headers[name] = shorter;
    }
    return encodedTableSize(headers) <= limitBytes ? headers : undefined;
  } catch {
    return undefined; // a foreign header that no client in Node can write again
  }
}

/** Takes at least `excess` bytes from a value, or as much as there is; undefined takes the header away. */
type Shorten = (value: unknown, excess: number) => unknown;

const cuts: readonly (readonly [name: string, shorten: Shorten])[] = [
  [headerNames.history, withoutOldest],
  [headerNames.errorStack, (value, excess) => cutBy(value, excess) || undefined],
  [headerNames.errorMessage, cutBy],
];

function withoutOldest(value: unknown, excess: number): unknown {
  if (!Array.isArray(value)) return undefined;
  let [dropped, freed] = [0, 0];
  while (freed < excess && dropped < value.length) {
    freed += encodedTableSize(value[dropped]) + 1;
    dropped += 1;
  }
  return dropped < value.length ? value.slice(dropped) : undefined;
}

function cutBy(value: unknown, excess: number): string {
  return typeof value === 'string' ? cutText(value, Buffer.byteLength(value) - excess) : '';
}

const encoder = new TextEncoder();

/** The longest beginning of a text that takes at most `maxBytes` of UTF-8 and ends between two characters. */
function cutText(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  return text.slice(0, encoder.encodeInto(text, new Uint8Array(Math.max(0, maxBytes))).read);
}
