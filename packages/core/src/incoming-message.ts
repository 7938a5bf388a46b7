import type { HeaderTable, IncomingMessage, MessageProperties } from './message.ts';

/** A delivery as amqplib gives it: properties that were not set are there, as `undefined`. */
interface Delivered {
  readonly fields: {
    readonly consumerTag?: string | undefined;
    readonly deliveryTag: number;
    readonly redelivered: boolean;
    readonly exchange: string;
    readonly routingKey: string;
  };
  readonly properties: { readonly headers: HeaderTable | undefined } & object;
  readonly content: Uint8Array;
}

export function incoming({ fields, properties: given, content }: Delivered): IncomingMessage {
  const properties: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && name !== 'headers' && name !== 'clusterId') properties[name] = value;
  }
  return {
    consumerTag: fields.consumerTag ?? '',
    deliveryTag: fields.deliveryTag,
    redelivered: fields.redelivered,
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    content,
    properties: properties as MessageProperties,
    headers: given.headers ?? {},
  };
}
