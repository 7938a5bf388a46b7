import type { IncomingMessage, OutgoingMessage } from '@surehop/core/internal';
import type { StoredMessage } from './vhost.ts';

/** A message for the wire. @param given as RabbitMQ names them: `message_id`, `headers` … */
export function outgoing(
  exchange: string,
  routingKey: string,
  payload: string | Uint8Array,
  given: Readonly<Record<string, unknown>>,
): OutgoingMessage {
  const { headers, ...rest } = given;
  const properties = Object.entries(rest).map(([name, value]) => [camelCase(name), value]);
  return {
    exchange,
    routingKey,
    mandatory: true,
    content: Buffer.from(payload),
    properties: Object.fromEntries(properties) as OutgoingMessage['properties'],
    headers: headers as OutgoingMessage['headers'],
  };
}

export function storedMessage(message: IncomingMessage): StoredMessage {
  const { content, properties, headers, exchange, routingKey, redelivered } = message;
  return {
    content: Buffer.from(content), // a copy: it may be a view into a larger buffer
    properties: Object.fromEntries(Object.entries(properties).map(([name, value]) => [snakeCase(name), value])),
    headers: plain(headers) as Record<string, unknown>,
    exchange,
    routingKey,
    redelivered,
  };
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Values that carry their AMQP type, such as times, without it: as the management API tells them. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  if ('!' in value && 'value' in value) return value.value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}
