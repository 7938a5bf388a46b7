import { writeShortString, writeText, writeUint32 } from './primitives.ts';
import { Unencodable } from './unencodable.ts';

/**
 * Writes a table of headers, its length before it, as amqplib does: inherited keys too, the smallest signed integer that
 * fits, everything else that has a fraction as a double.
 *
 * @returns where it ends; beyond the buffer's end when it did not fit
 * @throws {Unencodable} for what amqplib is to encode or to refuse, for example `{ '!': 'timestamp', value }` or NaN
 */
export function writeTable(buffer: Buffer, table: object, at: number): number {
  let end = at + 4;
  for (const key in table) {
    const value = (table as Record<string, unknown>)[key];
    if (value !== undefined) end = writeValue(buffer, value, writeShortString(buffer, key, end));
  }
  writeUint32(buffer, end - at - 4, at);
  return end;
}

/** A value of a table or array, its tag first. Returns and throws as {@link writeTable}. */
export function writeValue(buffer: Buffer, value: unknown, at: number): number {
  if (typeof value === 'string') {
    const end = writeText(buffer, value, at + 5);
    buffer[at] = 0x53; // S
    writeUint32(buffer, end - at - 5, at + 1);
    return end;
  }
  if (typeof value === 'number') return writeNumber(buffer, value, at);
  if (typeof value === 'boolean') {
    buffer[at] = 0x74; // t
    buffer[at + 1] = value ? 1 : 0;
    return at + 2;
  }
  if (typeof value === 'object') return writeObject(buffer, value, at);
  throw new Unencodable();
}

function writeObject(buffer: Buffer, value: object | null, at: number): number {
  if (value === null) {
    buffer[at] = 0x56; // V
    return at + 1;
  }
  if (Object.hasOwn(value, '!')) throw new Unencodable();
  if (Array.isArray(value)) {
    buffer[at] = 0x41; // A
    let end = at + 5;
    for (const item of value) end = writeValue(buffer, item, end);
    writeUint32(buffer, end - at - 5, at + 1);
    return end;
  }
  if (value instanceof Uint8Array) return writeBytes(buffer, value, at);
  buffer[at] = 0x46; // F
  return writeTable(buffer, value, at + 1);
}

function writeBytes(buffer: Buffer, bytes: Uint8Array, at: number): number {
  // amqplib takes any other array of bytes for a table.
  if (!Buffer.isBuffer(bytes)) throw new Unencodable();
  const end = at + 5 + bytes.length;
  if (end > buffer.length) return end;
  buffer[at] = 0x78; // x
  writeUint32(buffer, bytes.length, at + 1);
  buffer.set(bytes, at + 5);
  return end;
}

function writeNumber(buffer: Buffer, value: number, at: number): number {
  if (value >= -0x80 && value < 0x80 && Number.isInteger(value)) {
    buffer[at] = 0x62; // b
    buffer[at + 1] = value;
    return at + 2;
  }
  if (at + 9 > buffer.length) return at + 9;
  if (!Number.isInteger(value)) return writeDouble(buffer, value, at);
  if (value >= -0x8000 && value < 0x8000) {
    buffer[at] = 0x73; // s
    return buffer.writeInt16BE(value, at + 1);
  }
  if (value >= -0x80000000 && value < 0x80000000) {
    buffer[at] = 0x49; // I
    return buffer.writeInt32BE(value, at + 1);
  }
  if (!Number.isSafeInteger(value)) throw new Unencodable();
  buffer[at] = 0x6c; // l
  return buffer.writeBigInt64BE(BigInt(value), at + 1);
}

function writeDouble(buffer: Buffer, value: number, at: number): number {
  // From here on amqplib takes every number for whole, and refuses what is not.
  if (!(Math.abs(value) < 2 ** 50)) throw new Unencodable();
  buffer[at] = 0x64; // d
  return buffer.writeDoubleBE(value, at + 1);
}
