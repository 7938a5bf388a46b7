import { isUint8Array } from 'node:util/types';
import type { HeaderTable } from './message.ts';

/**
 * The bytes that amqplib 2.3.1 writes for a table of headers or arguments, its length field included. A test holds it
 * to amqplib's own encoder. A `Uint8Array` counts as the `Buffer` that `encodableHeaders` makes of it.
 *
 * @throws {TypeError | RangeError} where amqplib throws: bigint, function, symbol, NaN, keys above 255 bytes of UTF-8 …;
 * and for a table with the key `!` that names no AMQP type, which amqplib would write as something else than it is
 */
export function encodedTableSize(table: HeaderTable): number {
  let bytes = 4;
  for (const key in table) {
    const value = table[key]; // inherited keys too: amqplib writes them
    if (value !== undefined) bytes += keySize(key) + encodedValueSize(value);
  }
  return bytes;
}

/** The bytes of one value in a table or array, its type tag included. Throws like {@link encodedTableSize}. */
export function encodedValueSize(value: unknown): number {
  if (typeof value === 'string') return 5 + Buffer.byteLength(value);
  if (typeof value === 'number') return 1 + numberSize(value);
  if (typeof value === 'boolean') return 2;
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} cannot be encoded`);
  return value !== null && Object.hasOwn(value, '!')
    ? taggedSize(value as { '!': unknown; value?: unknown })
    : objectSize(value);
}

function keySize(key: string): number {
  const bytes = Buffer.byteLength(key);
  if (bytes > 255) throw new RangeError(`a key takes ${bytes} bytes of UTF-8, the protocol allows 255`);
  return 1 + bytes;
}

function objectSize(value: object | null): number {
  if (value === null) return 1;
  if (isUint8Array(value)) return 5 + value.length;
  if (!Array.isArray(value)) return 1 + encodedTableSize(value as HeaderTable);
  let bytes = 5;
  for (const item of value) bytes += encodedValueSize(item);
  return bytes;
}

/** The size that amqplib guesses from the value: the smallest signed integer, or a double. */
function numberSize(value: number): number {
  if (value >= 2 ** 63 || (Math.abs(value) < 2 ** 50 && !Number.isInteger(value))) return 8;
  if (value >= -0x80 && value < 0x80) return 1;
  if (value >= -0x8000 && value < 0x8000) return 2;
  if (value >= -0x80000000 && value < 0x80000000) return 4;
  return checked(int64, value);
}

interface Width {
  readonly bytes: number;
  readonly fits: (value: unknown) => boolean;
}

const real: Omit<Width, 'bytes'> = { fits: (value) => typeof value === 'number' };
const int64: Width = { bytes: 8, fits: (value) => isInteger(value, -(2n ** 63n), 2n ** 63n - 1n) };

/** What `{ '!': tag, value }` may name, in amqplib's words. */
const widths: ReadonlyMap<unknown, Width> = new Map<unknown, Width>([
  ...['double', 'float64'].map((tag) => [tag, { bytes: 8, ...real }] as const),
  ['float', { bytes: 4, ...real }],
  ...['byte', 'int8'].map((tag) => [tag, signed(1)] as const),
  ...['unsignedbyte', 'uint8'].map((tag) => [tag, unsigned(1)] as const),
  ...['short', 'int16'].map((tag) => [tag, signed(2)] as const),
  ...['unsignedshort', 'uint16'].map((tag) => [tag, unsigned(2)] as const),
  ...['int', 'int32'].map((tag) => [tag, signed(4)] as const),
  ...['unsignedint', 'uint32'].map((tag) => [tag, unsigned(4)] as const),
  ...['long', 'int64'].map((tag) => [tag, int64] as const),
  ['timestamp', { bytes: 8, fits: (value) => isInteger(value, 0n, 2n ** 64n - 1n) }],
  ['decimal', { bytes: 5, fits: isDecimal }],
]);

function taggedSize(tagged: { '!': unknown; value?: unknown }): number {
  const { '!': tag, value } = tagged;
  const width = widths.get(tag);
  if (width !== undefined) return 1 + checked(width, value);
  throw new TypeError('a table with the key "!" names no type that can be encoded');
}

function checked(width: Width, value: unknown): number {
  if (!width.fits(value)) throw new RangeError('a number does not fit its type');
  return width.bytes;
}

function signed(bytes: number): Width {
  const half = 2 ** (bytes * 8 - 1);
  return { bytes, fits: (value) => typeof value === 'number' && value >= -half && value < half };
}

function unsigned(bytes: number): Width {
  return { bytes, fits: (value) => typeof value === 'number' && value >= 0 && value < 2 ** (bytes * 8) };
}

function isInteger(value: unknown, min: bigint, max: bigint): boolean {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value))) return false;
  return BigInt(value) >= min && BigInt(value) <= max;
}

function isDecimal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('places' in value) || !('digits' in value)) return false;
  const { places, digits } = value;
  return typeof places === 'number' && places >= 0 && places < 256 && unsigned(4).fits(digits);
}
