import type { EncodedHeaders, HeaderTable } from '../message.ts';
import { FieldReader } from './field-reader.ts';

const fields = new FieldReader();

/** Headers of a delivery where they lie. What holds of them as a whole was checked when they came: decoding cannot fail. */
export class HeaderBytes implements EncodedHeaders {
  /** Of a message without any. */
  static readonly none: HeaderBytes = new HeaderBytes(Buffer.alloc(4), 4, 4);

  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;

  private constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  /**
   * @param at where the length of the table stands
   * @param limit where their frame ends
   * @returns undefined unless every length fits and every type is known: then they are decoded at once, which says what is wrong
   */
  static in(bytes: Buffer, at: number, limit: number): HeaderBytes | undefined {
    if (at + 4 > limit) return undefined;
    const start = at + 4;
    const end = start + bytes.readUInt32BE(at);
    return end <= limit && areFields(bytes, start, end) ? new HeaderBytes(bytes, start, end) : undefined;
  }

  value(name: string): unknown {
    const { bytes, end } = this;
    let at = this.start;
    let found = -1;
    while (at < end) {
      const length = bytes[at] as number;
      const valueAt = at + 1 + length;
      if (length === name.length && isText(bytes, at + 1, name)) found = valueAt; // the last one counts
      at = endOfValue(bytes, valueAt);
    }
    return found === -1 ? undefined : fields.from(bytes, found).value();
  }

  table(): HeaderTable {
    return fields.from(this.bytes, this.start - 4).table();
  }
}

const unknown = 0;
const sized = 20;
const table = 21;
const array = 22;

/** By its tag: the bytes of a value and one, or what it is. */
const kinds = new Uint8Array(256);
for (const tag of 'V') kinds[tag.charCodeAt(0)] = 1;
for (const tag of 'bBt') kinds[tag.charCodeAt(0)] = 2;
for (const tag of 'su') kinds[tag.charCodeAt(0)] = 3;
for (const tag of 'Iif') kinds[tag.charCodeAt(0)] = 5;
for (const tag of 'D') kinds[tag.charCodeAt(0)] = 6;
for (const tag of 'lTd') kinds[tag.charCodeAt(0)] = 9;
for (const tag of 'Sx') kinds[tag.charCodeAt(0)] = sized;
kinds[0x46] = table; // F
kinds[0x41] = array; // A

/** Deeper than any sensible header. */
const deepest = 32;

/** Whether there are whole fields of known types from `at` to `end`, and nothing else. */
function areFields(bytes: Buffer, at: number, end: number, depth = 0): boolean {
  let next = at;
  while (next !== -1 && next < end) next = endWithin(bytes, next + 1 + (bytes[next] as number), end, depth);
  return next === end;
}

function areValues(bytes: Buffer, at: number, end: number, depth: number): boolean {
  let next = at;
  while (next !== -1 && next < end) next = endWithin(bytes, next, end, depth);
  return next === end;
}

/** Where a value ends; -1 where that is beyond `limit`, or it is none. */
function endWithin(bytes: Buffer, at: number, limit: number, depth: number): number {
  if (at >= limit) return -1;
  const kind = kinds[bytes[at] as number] as number;
  if (kind === unknown || depth > deepest) return -1;
  if (kind < sized) return at + kind > limit ? -1 : at + kind;
  const start = at + 5;
  if (start > limit) return -1;
  const end = start + uint32(bytes, at + 1);
  if (end > limit) return -1;
  if (kind === table) return areFields(bytes, start, end, depth + 1) ? end : -1;
  if (kind === array) return areValues(bytes, start, end, depth + 1) ? end : -1;
  return end;
}

/** Where a value ends that is known to be one. */
export function endOfValue(bytes: Buffer, at: number): number {
  const kind = kinds[bytes[at] as number] as number;
  return kind < sized ? at + kind : at + 5 + uint32(bytes, at + 1);
}

/** Whether these bytes are a text of ASCII; there must be as many. From the end: names begin alike. */
export function isText(bytes: Buffer, at: number, text: string): boolean {
  for (let index = text.length - 1; index >= 0; index -= 1) {
    if (bytes[at + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

/** A number of four bytes that are there. */
export function uint32(bytes: Buffer, at: number): number {
  const upper = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  const lower = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  // What fits a frame is below 2^31, and stays a small integer.
  return upper < 0x8000 ? (upper << 16) | lower : upper * 0x1_0000 + lower;
}
