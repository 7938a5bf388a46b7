import type { IncomingMessage } from '@surehop/core/internal';
import type { DeadMessage } from './dead-message.ts';
import { readDeath } from './failure-reading.ts';
import { hashOf, lasting } from './message-hash.ts';

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

function hashId({ content, properties, headers }: IncomingMessage): string {
  return `sha256:${hashOf([content, properties, lasting(headers)]).slice(0, 32)}`;
}
