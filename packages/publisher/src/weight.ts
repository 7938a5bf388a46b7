import type { HeaderTable } from '@surehop/core';

/** Roughly how much memory body and headers take while they are kept, in bytes. `headers` must be encodable. */
export function weightOf(content: Uint8Array, headers: HeaderTable | undefined): number {
  return content.length + (headers === undefined ? 0 : weightOfValue(headers));
}

function weightOfValue(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (value instanceof Uint8Array) return value.length;
  let bytes = 0;
  if (Array.isArray(value)) for (const item of value) bytes += weightOfValue(item);
  else for (const [key, item] of Object.entries(value)) bytes += key.length + weightOfValue(item);
  return bytes;
}
