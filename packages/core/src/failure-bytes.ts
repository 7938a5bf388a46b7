import { isUtf8 } from 'node:buffer';
import {
  type ErrorTexts,
  errorTexts,
  type FailureInput,
  isBrokerOrOwnHeader,
  iso,
  originOf,
} from './failure-headers.ts';
import { headerNames, historyLength, longest, timeOf } from './failure-record.ts';
import type { EncodedHeaders } from './message.ts';
import { propertyExcess } from './properties.ts';
import { endOfValue, isText, uint32 } from './wire/header-bytes.ts';
import { writeShortString, writeText, writeUint32 } from './wire/primitives.ts';
import { writeValue } from './wire/table-encoder.ts';

/**
 * The bytes of what `failureHeaders` would make of a retry, with what need not change taken as it lies in the delivery.
 *
 * @param from the headers of the delivery
 * @returns undefined for what takes more: anything that would not be written again as it came, or does not fit
 */
export function retryHeaderBytes(input: Input, from: EncodedHeaders): Buffer | undefined {
  if (input.reason !== undefined || input.notBefore !== undefined || input.inStream !== undefined) return undefined;
  const found: Found = { firstFailedAt: -1, history: -1, exchange: -1, routingKey: -1, foreign: [] };
  if (!sorted(from, found)) return undefined;
  const limit = Math.min(input.limitBytes - propertyExcess(input.properties), space.length);
  const end = written(input, from, found);
  if (end === undefined || end > limit) return undefined;
  writeUint32(space, end - 4, 0);
  const bytes = Buffer.allocUnsafe(end);
  space.copy(bytes, 0, 0, end);
  return bytes;
}

type Input = Omit<FailureInput, 'headers'>;

/** What the limits of any frame leave for headers is less. */
const space = Buffer.allocUnsafeSlow(65_536);

/** Where in the headers the values stand that are taken over; -1 for none. */
interface Found {
  firstFailedAt: number;
  history: number;
  exchange: number;
  routingKey: number;
  /** Of foreign headers: where each begins, and ends. */
  readonly foreign: number[];
}

/** More foreign headers than this are compared one by one. */
const mostForeign = 16;

/** False when a foreign header would not be written again as it came, where it came. */
function sorted({ bytes, start, end }: EncodedHeaders, found: Found): boolean {
  let at = start;
  while (at < end) {
    const nameAt = at + 1;
    const valueAt = nameAt + (bytes[at] as number);
    const next = endOfValue(bytes, valueAt);
    const place = placeOf(bytes, nameAt, valueAt);
    if (place === undefined) {
      if (!isKept(bytes, at, valueAt, found.foreign)) return false;
      found.foreign.push(at, next);
    } else if (place !== 'dropped') {
      found[place] = valueAt; // the last one counts
    }
    at = next;
  }
  return true;
}

type Place = 'firstFailedAt' | 'history' | 'exchange' | 'routingKey' | 'dropped';

const places = new Map<string, Place>([
  [headerNames.firstFailedAt, 'firstFailedAt'],
  [headerNames.history, 'history'],
  [headerNames.exchange, 'exchange'],
  [headerNames.routingKey, 'routingKey'],
]);

/** Names that were met before, by their length: they come again and again. */
const known: { readonly name: string; readonly place: Place | undefined }[][] = Array.from({ length: 256 }, () => []);
const keptNames = 8;

/** Undefined for a foreign header. */
function placeOf(bytes: Buffer, at: number, end: number): Place | undefined {
  const row = known[end - at] as (typeof known)[number];
  for (const one of row) if (isText(bytes, at, one.name)) return one.place;
  const name = bytes.toString('utf8', at, end);
  const place = places.get(name) ?? (isBrokerOrOwnHeader(name) ? 'dropped' : undefined);
  // Foreign names may differ with every message.
  if (place !== undefined && row.length < keptNames) row.push({ name, place });
  return place;
}

/** Whether a foreign header would be decoded and encoded to the same bytes, in the same place. */
function isKept(bytes: Buffer, at: number, valueAt: number, foreign: readonly number[]): boolean {
  if (!isPlainName(bytes, at + 1, valueAt) || foreign.length >= 2 * mostForeign) return false;
  for (let index = 0; index < foreign.length; index += 2) {
    if (isSameName(bytes, at, foreign[index] as number)) return false;
  }
  return isCanonical(bytes, valueAt);
}

/** Of ASCII, and no name that an object of JavaScript moves or takes for something else: `12`, `__proto__`, `!`. */
function isPlainName(bytes: Buffer, at: number, end: number): boolean {
  const first = bytes[at] as number;
  if (at === end || first === 0x21 || first === 0x5f || (first >= 0x30 && first <= 0x39)) return false;
  for (let index = at; index < end; index += 1) if ((bytes[index] as number) > 0x7f) return false;
  return true;
}

/** Of two fields, by where they begin. */
function isSameName(bytes: Buffer, at: number, other: number): boolean {
  const length = bytes[at] as number;
  for (let index = 0; index <= length; index += 1) if (bytes[at + index] !== bytes[other + index]) return false;
  return true;
}

/** Whether the value would be decoded, and encoded to the same bytes. */
function isCanonical(bytes: Buffer, at: number): boolean {
  switch (bytes[at] as number) {
    case 0x53: // S
      return isText8(bytes, at + 5, endOfValue(bytes, at));
    case 0x62: // b
    case 0x56: // V
    case 0x78: // x
      return true;
    case 0x74: // t
      return (bytes[at + 1] as number) <= 1;
    case 0x73: // s
      return !isWithin(bytes.readInt16BE(at + 1), 0x80);
    case 0x49: // I
      return !isWithin(bytes.readInt32BE(at + 1), 0x8000);
    case 0x46: // F
      return areCanonicalFields(bytes, at + 5, endOfValue(bytes, at));
    case 0x41: // A
      return areCanonicalValues(bytes, at + 5, endOfValue(bytes, at));
    default:
      return false;
  }
}

function isWithin(value: number, half: number): boolean {
  return value >= -half && value < half;
}

function areCanonicalFields(bytes: Buffer, start: number, end: number): boolean {
  const before: number[] = [];
  for (let at = start; at < end; ) {
    const valueAt = at + 1 + (bytes[at] as number);
    if (!isKept(bytes, at, valueAt, before)) return false;
    before.push(at, valueAt);
    at = endOfValue(bytes, valueAt);
  }
  return true;
}

function areCanonicalValues(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at = endOfValue(bytes, at)) if (!isCanonical(bytes, at)) return false;
  return true;
}

function isText8(bytes: Buffer, at: number, end: number): boolean {
  if (end - at > 64) return isUtf8(bytes.subarray(at, end));
  for (let index = at; index < end; index += 1) {
    if ((bytes[index] as number) > 0x7f) return isUtf8(bytes.subarray(at, end));
  }
  return true;
}

/** All of the headers, from 4 on: where they end. Undefined where ours are not as we write them. */
function written(input: Input, { bytes }: EncodedHeaders, found: Found): number | undefined {
  const error = errorTexts(input);
  const at = iso(input.failedAt);
  let end = writeValue(space, input.failedAttempts, name(headerNames.attempt, 4));
  end = name(headerNames.firstFailedAt, end);
  if (found.firstFailedAt === -1) end = text(at, end);
  else if (isMoment(bytes, found.firstFailedAt)) end = copied(bytes, found.firstFailedAt, end);
  else return undefined;
  end = text(at, name(headerNames.failedAt, end));
  end = text(error.name, name(headerNames.errorName, end));
  end = text(error.message, name(headerNames.errorMessage, end));
  if (error.code !== undefined) end = text(error.code, name(headerNames.errorCode, end));
  const historyEnd = history(bytes, found.history, error, at, name(headerNames.history, end));
  if (historyEnd === undefined) return undefined;
  end = text(input.queue, name(headerNames.queue, historyEnd));
  const originEnd = origin(input, bytes, found, end);
  return originEnd === undefined ? undefined : foreign(bytes, found.foreign, originEnd);
}

function history(bytes: Buffer, valueAt: number, error: ErrorTexts, at: string, start: number): number | undefined {
  let end = start + 5;
  if (valueAt !== -1) {
    if (bytes[valueAt] !== 0x41) return undefined;
    const last = endOfValue(bytes, valueAt);
    const first = oldestKept(bytes, valueAt + 5, last);
    if (first === -1) return undefined;
    end = copiedBytes(bytes, first, last, end);
  }
  space[end] = 0x46; // F
  const entry = end + 1;
  end = text(at, name('at', entry + 4));
  end = text(error.name, name('name', end));
  end = text(error.historyMessage, name('message', end));
  end = text(error.consumer, name('consumer', end));
  writeUint32(space, end - entry - 4, entry);
  space[start] = 0x41; // A
  writeUint32(space, end - start - 5, start + 1);
  return end;
}

/** Where the oldest entry begins that has room beside a new one; -1 where one of them is not as we write it. */
function oldestKept(bytes: Buffer, start: number, end: number): number {
  let entries = 0;
  for (let at = start; at < end; at = endOfValue(bytes, at)) {
    if (!isEntry(bytes, at)) return -1;
    entries += 1;
  }
  let at = start;
  for (; entries >= historyLength; entries -= 1) at = endOfValue(bytes, at);
  return at;
}

function isEntry(bytes: Buffer, at: number): boolean {
  if (bytes[at] !== 0x46) return false;
  const end = endOfValue(bytes, at);
  const moment = valueNamed(bytes, at + 5, end, 'at');
  if (moment === -1 || !isMoment(bytes, moment)) return false;
  const error = endOfText(bytes, endOfValue(bytes, moment), end, 'name', longest.name);
  if (error === -1) return false;
  const message = endOfText(bytes, error, end, 'message', longest.historyMessage);
  return message !== -1 && endOfText(bytes, message, end, 'consumer', longest.name) === end;
}

/** Where the value of the field of this name begins, if that is what stands there; -1 otherwise. */
function valueNamed(bytes: Buffer, at: number, end: number, name: string): number {
  const isThere = at < end && bytes[at] === name.length && isText(bytes, at + 1, name);
  return isThere ? at + 1 + name.length : -1;
}

/** Where the field of this name ends, if it stands there with a text that is not too long. */
function endOfText(bytes: Buffer, at: number, end: number, name: string, maxBytes: number): number {
  const value = valueNamed(bytes, at, end, name);
  return value !== -1 && isTextValue(bytes, value, maxBytes) ? endOfValue(bytes, value) : -1;
}

function isTextValue(bytes: Buffer, at: number, maxBytes: number): boolean {
  if (bytes[at] !== 0x53) return false;
  const end = endOfValue(bytes, at);
  return end - at - 5 <= maxBytes && isText8(bytes, at + 5, end);
}

/** Where both names stand, or none does: one without the other counts for nothing. */
function origin(input: Input, bytes: Buffer, found: Found, at: number): number | undefined {
  const { exchange, routingKey } = found;
  if (exchange === -1 && routingKey === -1) {
    const first = originOf(input);
    return text(first.routingKey, name(headerNames.routingKey, text(first.exchange, name(headerNames.exchange, at))));
  }
  if (exchange === -1 || routingKey === -1) return undefined;
  if (!isTextValue(bytes, exchange, 255) || !isTextValue(bytes, routingKey, 255)) return undefined;
  return copied(
    bytes,
    routingKey,
    name(headerNames.routingKey, copied(bytes, exchange, name(headerNames.exchange, at))),
  );
}

function foreign(bytes: Buffer, fields: readonly number[], at: number): number {
  let end = at;
  for (let index = 0; index < fields.length; index += 2) {
    end = copiedBytes(bytes, fields[index] as number, fields[index + 1] as number, end);
  }
  return end;
}

/** Moments as we write them: `2026-01-31T23:59:59.999Z`. */
function isMoment(bytes: Buffer, at: number): boolean {
  if (bytes[at] !== 0x53 || uint32(bytes, at + 1) !== momentForm.length) return false;
  const start = at + 5;
  for (let index = 0; index < momentForm.length; index += 1) {
    const byte = bytes[start + index] as number;
    const wanted = momentForm.charCodeAt(index);
    if (wanted === 0x30 ? byte < 0x30 || byte > 0x39 : byte !== wanted) return false;
  }
  const month = twoDigits(bytes, start + 5);
  const day = twoDigits(bytes, start + 8);
  if (month < 1 || month > 12 || day < 1 || twoDigits(bytes, start + 11) > 23) return false;
  if ((bytes[start + 14] as number) > 0x35 || (bytes[start + 17] as number) > 0x35) return false;
  return day <= 28 || isDay(bytes.toString('latin1', start, start + momentForm.length));
}

/** To `Date.parse`, 30 February is in March. */
function isDay(moment: string): boolean {
  const at = timeOf(moment);
  return at !== undefined && new Date(at).toISOString() === moment;
}

function twoDigits(bytes: Buffer, at: number): number {
  return 10 * (bytes[at] as number) + (bytes[at + 1] as number) - 11 * 0x30;
}

const momentForm = '0000-00-00T00:00:00.000Z';

function name(text: string, at: number): number {
  return writeShortString(space, text, at);
}

function text(value: string, at: number): number {
  const end = writeText(space, value, at + 5);
  space[at] = 0x53; // S
  writeUint32(space, end - at - 5, at + 1);
  return end;
}

function copied(bytes: Buffer, valueAt: number, at: number): number {
  return copiedBytes(bytes, valueAt, endOfValue(bytes, valueAt), at);
}

function copiedBytes(bytes: Buffer, start: number, end: number, at: number): number {
  const last = at + end - start;
  if (last <= space.length) bytes.copy(space, at, start, end);
  return last;
}
