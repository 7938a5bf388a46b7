import { isUint8Array } from 'node:util/types';
import type { HeaderTable } from './message.ts';

/**
 * Header values as JSON, and back, exactly. What JSON has no value for is an object with one key that begins with `$`:
 * `{"$bytes":"base64"}`, `{"$timestamp":n}`, `{"$number":"NaN"}`, `{"$integer":"digits"}` (beyond what JSON's readers keep
 * exact), `{"$typed":["decimal", …]}` for AMQP's other types. A table's own key that begins with `$` gets one more.
 */
function toPlain(value: unknown): unknown {
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $number: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (typeof value === 'bigint') return { $integer: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  if (isUint8Array(value)) return { $bytes: base64Of(value) };
  if (Array.isArray(value)) return value.map(toPlain);
  if (Object.hasOwn(value, '!')) return taggedToPlain(value as { '!': unknown; value?: unknown });
  return tableToPlain(value as HeaderTable);
}

/** @throws {TypeError} for what `toPlain` has not written */
function fromPlain(plain: unknown): unknown {
  if (typeof plain !== 'object' || plain === null) return plain;
  if (Array.isArray(plain)) return plain.map(fromPlain);
  const keys = Object.keys(plain);
  const [only] = keys;
  if (keys.length === 1 && only !== undefined && /^\$(?!\$)/.test(only)) {
    return special(only, (plain as Record<string, unknown>)[only]);
  }
  return tableFromPlain(plain as Record<string, unknown>);
}

export function tableToPlain(table: HeaderTable): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const key of Object.keys(table)) define(plain, key.startsWith('$') ? `$${key}` : key, toPlain(table[key]));
  return plain;
}

/** @throws {TypeError} for what `tableToPlain` has not written */
export function tableFromPlain(plain: Readonly<Record<string, unknown>>): HeaderTable {
  const table: Record<string, unknown> = {};
  for (const key of Object.keys(plain)) {
    if (/^\$(?!\$)/.test(key)) throw new TypeError(`no value is called ${key.slice(0, 40)}`);
    define(table, key.startsWith('$') ? key.slice(1) : key, fromPlain(plain[key]));
  }
  return table;
}

export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** @throws {TypeError} for what is not base64: a decoder would leave out what it does not know */
export function bytesOf(base64: unknown): Buffer {
  if (typeof base64 !== 'string') throw new TypeError('bytes must be a string of base64');
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64) throw new TypeError('a string is not base64');
  return bytes;
}

function taggedToPlain(tagged: { '!': unknown; value?: unknown }): unknown {
  if (tagged['!'] === 'timestamp' && typeof tagged.value === 'number') return { $timestamp: tagged.value };
  return { $typed: [tagged['!'], toPlain(tagged.value)] };
}

function special(key: string, value: unknown): unknown {
  if (key === '$bytes') return bytesOf(value);
  if (key === '$timestamp' && typeof value === 'number') return { '!': 'timestamp', value };
  if (key === '$number' && (value === 'NaN' || value === 'Infinity' || value === '-Infinity' || value === '-0')) {
    return Number(value);
  }
  if (key === '$integer' && typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  if (key === '$typed' && Array.isArray(value) && value.length === 2 && typeof value[0] === 'string') {
    return { '!': value[0], value: fromPlain(value[1]) };
  }
  throw new TypeError(`no value is called ${key.slice(0, 40)}, or not with this content`);
}

/** Not assigned: a key may be `__proto__`. */
function define(to: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(to, key, { value, configurable: true, enumerable: true, writable: true });
}
