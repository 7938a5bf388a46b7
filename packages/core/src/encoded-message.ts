import type { HeaderTable, MessageProperties, OutgoingMessage } from './message.ts';
import { FieldReader } from './wire/field-reader.ts';

/** A message whose headers are encoded already; who cannot write them as they are has them decoded. */
export class EncodedMessage implements OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly mandatory = true;
  readonly content: Uint8Array;
  readonly properties: MessageProperties;
  readonly headerBytes: Buffer;

  constructor(
    exchange: string,
    routingKey: string,
    content: Uint8Array,
    properties: MessageProperties,
    headerBytes: Buffer,
  ) {
    this.exchange = exchange;
    this.routingKey = routingKey;
    this.content = content;
    this.properties = properties;
    this.headerBytes = headerBytes;
  }

  get headers(): HeaderTable {
    return new FieldReader().from(this.headerBytes, 0).table();
  }
}
