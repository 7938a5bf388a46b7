import { Unencodable } from './unencodable.ts';

/** Up to here a loop is faster than the call that leaves JavaScript, in UTF-16 units. */
const loopedUnits = 64;

/**
 * Writes a string in UTF-8.
 *
 * @returns where it ends; beyond the buffer's end when it did not fit
 */
export function writeText(buffer: Buffer, text: string, at: number): number {
  const { length } = text;
  if (length > loopedUnits) return writeLongText(buffer, text, at);
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return writeLongText(buffer, text, at);
    buffer[at + index] = unit;
  }
  return at + length;
}

/** Writes a string with one byte of length before it. Returns as {@link writeText}. */
export function writeShortString(buffer: Buffer, text: unknown, at: number): number {
  if (typeof text !== 'string') throw new Unencodable();
  const end = writeText(buffer, text, at + 1);
  const bytes = end - at - 1;
  if (bytes > 255) throw new Unencodable();
  buffer[at] = bytes;
  return end;
}

/** Writes a number below 2^32, four bytes. */
export function writeUint32(buffer: Buffer, value: number, at: number): number {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
  return at + 4;
}

/** Writes a whole number in [0, 2^53), eight bytes. */
export function writeUint64(buffer: Buffer, value: number, at: number): number {
  return writeUint32(buffer, value, writeUint32(buffer, Math.floor(value / 2 ** 32), at));
}

/** Reads eight bytes; exact up to 2^53. */
export function readUint64(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at) * 2 ** 32 + buffer.readUInt32BE(at + 4);
}

function writeLongText(buffer: Buffer, text: string, at: number): number {
  // Three bytes is the most that one UTF-16 unit takes. `write` stops at the end of the buffer without a word.
  if (at + 3 * text.length <= buffer.length) return at + buffer.write(text, at, 'utf8');
  const end = at + Buffer.byteLength(text);
  if (end <= buffer.length) buffer.write(text, at, 'utf8');
  return end;
}
