import { type HeaderTable, type IncomingMessage, type MessageProperties, noHeaders } from './message.ts';

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

export function incoming(delivered: Delivered): IncomingMessage {
  return new AmqplibMessage(delivered);
}

/** Its properties are sorted out when somebody asks for them. */
class AmqplibMessage implements IncomingMessage {
  readonly consumerTag: string;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Uint8Array;
  readonly headers: HeaderTable;
  readonly #given: Delivered['properties'];
  #properties: MessageProperties | undefined;

  constructor({ fields, properties, content }: Delivered) {
    this.consumerTag = fields.consumerTag ?? '';
    this.deliveryTag = fields.deliveryTag;
    this.redelivered = fields.redelivered;
    this.exchange = fields.exchange;
    this.routingKey = fields.routingKey;
    this.content = content;
    this.headers = properties.headers ?? noHeaders;
    this.#given = properties;
  }

  get properties(): MessageProperties {
    this.#properties ??= set(this.#given);
    return this.#properties;
  }
}

function set(given: object): MessageProperties {
  const properties: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && name !== 'headers' && name !== 'clusterId') properties[name] = value;
  }
  return properties;
}
