import { createHash, type Hash } from 'node:crypto';
import { isUint8Array } from 'node:util/types';
import type { IncomingMessage } from '@surehop/core/internal';
import type { DeadMessage } from './dead-message.ts';
import { readDeath } from './failure-reading.ts';
import { replayHeaders } from './replay-headers.ts';

/** A message as it lies in a dead-letter queue. Never throws, whatever its headers are. */
export function readDeadMessage(message: IncomingMessage, queue: string): DeadMessage {
  const { exchange, routingKey, redelivered, properties, headers } = message;
  // What was delivered may be a view into a read buffer, of which it would keep the whole.
  const content = Buffer.from(message.content);
  const { messageId } = properties;
  return {
    id: typeof messageId === 'string' && messageId !== '' ? messageId : hashId(message),
    queue,
    exchange,
    routingKey,
    redelivered,
    content,
    properties,
    headers,
    failure: readDeath(headers, queue),
  };
}

/** What changes while a message lies in its queue: the broker counts each look, and a pass marks its copies. */
const passing: ReadonlySet<string> = new Set(['x-delivery-count', 'x-acquired-count', replayHeaders.pass]);

/** So deep are headers looked at; amqplib nests them no deeper than a frame is long. */
const deepest = 64;

function hashId({ content, properties, headers }: IncomingMessage): string {
  const hash = createHash('sha256');
  const lasting = Object.entries(headers).filter(([name]) => !passing.has(name));
  // Each part is told by its kind and its length, so that no two messages make the same bytes.
  for (const part of [content, properties, Object.fromEntries(lasting)]) digest(hash, part, 0);
  return `sha256:${hash.digest('hex').slice(0, 32)}`;
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
