import { isUint8Array } from 'node:util/types';
import { SurehopError } from './errors.ts';
import type { HeaderTable } from './message.ts';
import { kindOf } from './option-checks.ts';
import { encodedValueSize } from './table-size.ts';

/** Deeper than any sensible header; a table that contains itself gets here too. */
const deepest = 32;

/**
 * A deep copy of the headers in which every value is one that arrives as it was given: `Uint8Array`s become `Buffer`s,
 * the only bytes that amqplib knows, and `undefined` is left out.
 *
 * @param what whose headers they are, for the error; for example `message 0198…`
 * @throws {SurehopError} SUREHOP_PROPERTIES_INVALID for anything else: what cannot be encoded (bigint, function, NaN),
 * and what would arrive changed (`Date`, `Map`, instances of classes). The message names the place and the kind, never the value
 */
export function encodableHeaders(headers: HeaderTable, what = 'the message'): HeaderTable {
  return copyTable(headers, { what, path: '', depth: 0 });
}

/** Where in the headers the copying is. */
interface Place {
  readonly what: string;
  readonly path: string;
  readonly depth: number;
}

function copyTable(table: HeaderTable, place: Place): HeaderTable {
  if (!isPlain(table)) refuse(place, `must be a plain object, got ${kindOf(table)}`);
  if (place.depth > deepest) refuse(place, 'is nested too deeply, or contains itself');
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(table)) {
    const value = table[key];
    if (value === undefined) continue;
    // A short key cannot be too long: three bytes is the most that one UTF-16 unit takes.
    if (key.length > 85 && Buffer.byteLength(key) > 255)
      refuse(inside(place, key.slice(0, 40)), 'has a key above 255 bytes');
    // "__proto__" is a key like any other on the wire; assigning it would set the prototype instead.
    if (key === '__proto__')
      Object.defineProperty(copy, key, { value: copyValue(value, key, place), enumerable: true });
    else copy[key] = typeof value === 'string' ? value : copyValue(value, key, place);
  }
  return copy;
}

function copyValue(value: unknown, key: string | number, place: Place): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (isUint8Array(value)) return Buffer.from(value);
  const here = inside(place, key);
  if (Array.isArray(value)) {
    if (here.depth > deepest) refuse(here, 'is nested too deeply, or contains itself');
    return Array.from(value, (item, index) => copyValue(item, index, here));
  }
  if (typeof value === 'object' && Object.hasOwn(value, '!')) return copyTagged(value as { '!': unknown }, here);
  if (typeof value === 'object') return copyTable(value as HeaderTable, here);
  if (!isEncodable(value)) refuse(here, `cannot be ${typeof value === 'number' ? String(value) : kindOf(value)}`);
  return value;
}

/** `{ '!': 'timestamp', value: 1 }` and the like: how amqplib writes, and reads, types that JavaScript has no value for. */
function copyTagged(tagged: { '!': unknown; value?: unknown }, here: Place): unknown {
  if (!isEncodable(tagged)) {
    refuse(
      here,
      'has the key "!", which is kept for { "!": <AMQP type>, value }, and names no type and value that fit',
    );
  }
  return { '!': tagged['!'], value: tagged.value };
}

function isEncodable(value: unknown): boolean {
  try {
    encodedValueSize(value);
    return true;
  } catch {
    return false;
  }
}

/** True for object literals and tables without a prototype, of any realm; false for instances of classes. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function inside(place: Place, key: string | number): Place {
  const path = typeof key === 'number' ? `${place.path}[${key}]` : place.path === '' ? key : `${place.path}.${key}`;
  return { what: place.what, path, depth: place.depth + 1 };
}

function refuse(place: Place, why: string): never {
  const header = place.path === '' ? 'headers' : `header "${place.path.slice(0, 200)}"`;
  throw new SurehopError('SUREHOP_PROPERTIES_INVALID', `${header} of ${place.what} ${why}`, { retryable: false });
}
