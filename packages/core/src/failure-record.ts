import { isUint8Array } from 'node:util/types';
import { type HeaderTable, headerOf, type IncomingMessage, noHeaders } from './message.ts';

/** The headers that this SDK sets, by what they say. All are optional for a reader. */
export const headerNames = {
  attempt: 'surehop-attempt',
  firstFailedAt: 'surehop-first-failed-at',
  failedAt: 'surehop-failed-at',
  notBefore: 'surehop-not-before',
  reason: 'surehop-reason',
  errorName: 'surehop-error-name',
  errorMessage: 'surehop-error-message',
  errorStack: 'surehop-error-stack',
  errorCode: 'surehop-error-code',
  history: 'surehop-history',
  queue: 'surehop-queue',
  exchange: 'surehop-exchange',
  routingKey: 'surehop-routing-key',
  streamOffset: 'surehop-stream-offset',
  reader: 'surehop-reader',
  waiting: 'surehop-waiting',
} as const;

/** One earlier failure. */
export interface HistoryEntry {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The error's. */
  readonly name: string;
  readonly message: string;
  /** Whose failure it was. */
  readonly consumer: string;
}

/** What a message's headers say of the attempts at it: all that is to be known before it is handled. */
export interface Attempts {
  /** Failures that counted; 0 when there was none. The handler's `attempt` is this + 1. */
  readonly failedAttempts: number;
  /** The last time, in milliseconds since the Unix epoch. */
  readonly failedAt: number | undefined;
  /** Not to be handled before, in milliseconds since the Unix epoch. */
  readonly notBefore: number | undefined;
}

/** What a message's headers say of its earlier failures. */
export interface FailureRecord extends Attempts {
  /** Milliseconds since the Unix epoch. */
  readonly firstFailedAt: number | undefined;
  /** Oldest first, at most {@link historyLength}. */
  readonly history: readonly HistoryEntry[];
  /** The queue where it failed last. */
  readonly queue: string | undefined;
  /** Where it was first published; both or neither. */
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
}

/**
 * Of what is written of an error, in bytes of UTF-8. All at once stay below 60 kB, so that a message with few headers of its
 * own loses nothing.
 */
export const longest = { name: 255, message: 4_096, stack: 16_384, historyMessage: 1_024 } as const;

/** How many failures the history keeps. */
export const historyLength = 10;

const noAttempts: Attempts = Object.freeze({ failedAttempts: 0, failedAt: undefined, notBefore: undefined });

/** The attempts alone, as {@link readFailure} reads them. */
export function readAttempts(headers: HeaderTable): Attempts {
  if (headers === noHeaders) return noAttempts;
  return {
    failedAttempts: countOf(headers[headerNames.attempt]),
    failedAt: timeOf(headers[headerNames.failedAt]),
    notBefore: timeOf(headers[headerNames.notBefore]),
  };
}

/** As {@link readAttempts}, of a delivery whose other headers stay as they are; `failedAt` only beside `notBefore`. */
export function attemptsOf(message: Pick<IncomingMessage, 'headers' | 'encodedHeaders'>): Attempts {
  const { encodedHeaders } = message;
  const isBare =
    encodedHeaders === undefined ? message.headers === noHeaders : encodedHeaders.end === encodedHeaders.start;
  if (isBare) return noAttempts;
  const failedAttempts = countOf(headerOf(message, headerNames.attempt));
  const notBefore = timeOf(headerOf(message, headerNames.notBefore));
  const failedAt = notBefore === undefined ? undefined : timeOf(headerOf(message, headerNames.failedAt));
  return { failedAttempts, failedAt, notBefore };
}

/**
 * Reads our headers, whoever wrote them. Never throws: numbers and strings are taken from bytes and decimal strings too,
 * as other clients write them, and what makes no sense counts as absent.
 */
export function readFailure(headers: HeaderTable): FailureRecord {
  const exchange = name(headers[headerNames.exchange]);
  const routingKey = name(headers[headerNames.routingKey]);
  const origin = exchange !== undefined && routingKey !== undefined ? { exchange, routingKey } : undefined;
  return {
    ...readAttempts(headers),
    firstFailedAt: timeOf(headers[headerNames.firstFailedAt]),
    history: history(headers[headerNames.history]),
    queue: name(headers[headerNames.queue]),
    exchange: origin?.exchange,
    routingKey: origin?.routingKey,
  };
}

/** A whole number, 0 or more, from a number or decimal digits; anything else counts as 0. */
export function countOf(value: unknown): number {
  if (value === undefined) return 0;
  const text = textOf(value);
  const number = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : value;
  return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : 0;
}

/** With a zone; without one it would mean another moment on every machine. */
const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

/** As this SDK writes it. */
const ourTime = /^.{23}Z$/;

/** Milliseconds since the Unix epoch, from ISO 8601 with a zone; undefined for anything else. */
export function timeOf(value: unknown): number | undefined {
  const text = textOf(value);
  if (text === undefined || !isoTime.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

/** A name that the protocol could have carried. */
function name(value: unknown): string | undefined {
  const text = textOf(value);
  return text !== undefined && Buffer.byteLength(text) <= 255 ? text : undefined;
}

function history(value: unknown): HistoryEntry[] {
  if (!Array.isArray(value)) return [];
  const entries = value.slice(-historyLength).map(historyEntry);
  return entries.filter((entry) => entry !== undefined);
}

function historyEntry(value: unknown): HistoryEntry | undefined {
  if (typeof value !== 'object' || value === null || isUint8Array(value)) return undefined;
  const { at, name, message, consumer } = value as Record<string, unknown>;
  const moment = timeOf(at);
  if (moment === undefined) return undefined;
  return {
    at: typeof at === 'string' && ourTime.test(at) ? at : new Date(moment).toISOString(),
    name: textOf(name) ?? '',
    message: textOf(message) ?? '',
    consumer: textOf(consumer) ?? '',
  };
}

/** A string, also where it came as bytes, as several clients write them; undefined for anything else. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isUint8Array(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString() : undefined;
}
