/** Header values that AMQP 0-9-1 can carry: string, number, boolean, null, `Uint8Array`, arrays and tables of these. */
export type HeaderTable = Readonly<Record<string, unknown>>;

/** Of a message without any. */
export const noHeaders: HeaderTable = Object.freeze({});

/** The properties of AMQP 0-9-1's basic class, without the headers. All are optional on the wire. */
export interface MessageProperties {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  /** 2 is persistent, 1 is lost when the broker restarts. */
  readonly deliveryMode?: number;
  readonly priority?: number;
  readonly correlationId?: string;
  readonly replyTo?: string;
  /** Time to live in milliseconds, as a decimal string (the protocol's form). */
  readonly expiration?: string;
  readonly messageId?: string;
  /** In whole **seconds** since the Unix epoch (the protocol's unit). */
  readonly timestamp?: number;
  readonly type?: string;
  readonly userId?: string;
  readonly appId?: string;
}

/** Headers as they came in a delivery, not decoded. */
export interface EncodedHeaders {
  /** Others' bytes around them. */
  readonly bytes: Buffer;
  /** Where the first field begins, and where the last one ends. */
  readonly start: number;
  readonly end: number;
  /** Of one header, whose name is ASCII; undefined where there is none. */
  value(name: string): unknown;
}

/** One message as it is written to a channel. */
export interface OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  /** Always true for what this SDK sends on its own: the broker returns what no queue took. */
  readonly mandatory: boolean;
  readonly content: Uint8Array;
  readonly properties: MessageProperties;
  readonly headers: HeaderTable | undefined;
  /** The same as AMQP encodes it, its length before it, where somebody has done so. */
  readonly headerBytes?: Uint8Array | undefined;
}

/** One message as a channel delivered it. */
export interface IncomingMessage {
  readonly consumerTag: string;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  /** May be a view into a larger read buffer: copy it before keeping it for long. */
  readonly content: Uint8Array;
  readonly properties: MessageProperties;
  /** Empty when the publisher set none. Foreign: nothing in it may be trusted. */
  readonly headers: HeaderTable;
  /** The same where they are not decoded yet; to read one of them, ask {@link headerOf}. */
  readonly encodedHeaders?: EncodedHeaders | undefined;
}

/** A delivery's header, without decoding the others. The name is ASCII. */
export function headerOf(message: Pick<IncomingMessage, 'headers' | 'encodedHeaders'>, name: string): unknown {
  const { encodedHeaders } = message;
  return encodedHeaders === undefined ? message.headers[name] : encodedHeaders.value(name);
}
