import { createHash, type Hash } from 'node:crypto';
import { isUint8Array } from 'node:util/types';
import type { HeaderTable } from '@surehop/core';
import { replayHeaders } from './replay-headers.ts';

/** What changes while a message lies in its queue: the broker counts each look, and a pass marks its copies. */
const passing: ReadonlySet<string> = new Set(['x-delivery-count', 'x-acquired-count', replayHeaders.pass]);

/** So deep are headers looked at; amqplib nests them no deeper than a frame is long. */
const deepest = 64;

/** The headers that a message has as long as it lies in its queue. */
export function lasting(headers: HeaderTable): HeaderTable {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !passing.has(name)));
}

/** The hash, in hexadecimal digits, of parts of a message, whatever the order in which their tables are written. */
export function hashOf(parts: readonly unknown[]): string {
  const hash = createHash('sha256');
  // Each part is told by its kind and its length, so that no two messages make the same bytes.
  for (const part of parts) digest(hash, part, 0);
  return hash.digest('hex');
}

function digest(hash: Hash, value: unknown, depth: number): void {
  if (isUint8Array(value)) {
    hash.update(`bytes ${value.length}:`).update(value);
  } else if (typeof value !== 'object' || value === null || depth > deepest) {
    const text = typeof value === 'object' ? 'object' : String(value);
    hash.update(`${typeof value} ${text.length}:${text}`);
  } else {
    const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
    hash.update(`${Array.isArray(value) ? 'array' : 'table'} ${entries.length}:`);
    for (const [name, inside] of entries) {
      digest(hash, name, depth + 1);
      digest(hash, inside, depth + 1);
    }
  }
}
