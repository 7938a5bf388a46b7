import { isUint8Array } from 'node:util/types';

/**
 * Header values as JSON, so that they come back as they were: bytes become `{ "$bytes": base64 }`, a number that JSON has
 * no word for becomes `{ "$number": "Infinity" }`, and a key that begins with `$` gets one more.
 *
 * @param value what `encodableHeaders` has passed
 */
export function toText(value: unknown): string {
  return JSON.stringify(marked(value));
}

/** @throws {SyntaxError} for what `toText` has not written */
export function fromText(text: string): unknown {
  return unmarked(JSON.parse(text));
}

function marked(value: unknown): unknown {
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { $number: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (typeof value !== 'object' || value === null) return value;
  if (isUint8Array(value)) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(marked);
  return mapped(value, (key) => (key.startsWith('$') ? `$${key}` : key), marked);
}

function unmarked(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(unmarked);
  if ('$bytes' in value) return Buffer.from(String(value.$bytes), 'base64');
  if ('$number' in value) return Number(value.$number);
  return mapped(value, (key) => (key.startsWith('$') ? key.slice(1) : key), unmarked);
}

/** `Object.fromEntries` defines, so that the key `__proto__` stays a key like any other. */
function mapped(table: object, ofKey: (key: string) => string, ofValue: (value: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [ofKey(key), ofValue(value)]));
}
