import {
  type EncodedHeaders,
  type HeaderTable,
  type IncomingMessage,
  type MessageProperties,
  noHeaders,
} from '../message.ts';
import { FieldReader } from './field-reader.ts';
import { HeaderBytes } from './header-bytes.ts';

/** Class, weight and the size of the body, before the flags of the properties. */
const bytesBeforeFlags = 12;

/** Puts the frames of deliveries on one channel together: a method, a header, and a body in as many frames as it takes. */
export class DeliveryReader {
  readonly #fields = new FieldReader();
  /** Its method came, and the rest has not yet. */
  #coming: WireMessage | undefined;
  #hasHeader = false;
  #missing = 0;
  #pieces: Buffer[] = [];

  /** Whether frames of a delivery are to come. */
  get isAmid(): boolean {
    return this.#coming !== undefined;
  }

  /** The fields of `basic.deliver`, from `at` on. */
  method(bytes: Buffer, at: number): void {
    if (this.#coming !== undefined) throw new Error('Expected a header or body frame, got basic.deliver');
    const fields = this.#fields.from(bytes, at);
    const consumerTag = fields.repeatedString();
    const deliveryTag = fields.uint64();
    const redelivered = (fields.octet() & 1) === 1;
    const exchange = fields.repeatedString();
    this.#coming = new WireMessage(fields, consumerTag, deliveryTag, redelivered, exchange, fields.repeatedString());
  }

  /** The payload of a header frame. Returns the message where that is all of it. */
  header(bytes: Buffer, at: number, end: number): IncomingMessage | undefined {
    const message = this.#coming;
    if (message === undefined || this.#hasHeader) throw new Error('Unexpected header frame');
    this.#missing = this.#fields.from(bytes, at + 4).uint64();
    message.described(bytes, at + bytesBeforeFlags, end);
    this.#hasHeader = true;
    return this.#missing === 0 ? this.#whole(message, bytes.subarray(end, end)) : undefined;
  }

  /** The payload of a body frame. Returns the message where that is the last of it. */
  body(bytes: Buffer, at: number, end: number): IncomingMessage | undefined {
    const message = this.#coming;
    if (message === undefined || !this.#hasHeader) throw new Error('Unexpected body frame');
    this.#missing -= end - at;
    if (this.#missing < 0) throw new Error('Too much content sent');
    const piece = bytes.subarray(at, end);
    if (this.#missing > 0) {
      this.#pieces.push(piece);
      return undefined;
    }
    if (this.#pieces.length === 0) return this.#whole(message, piece);
    const content = Buffer.concat([...this.#pieces, piece]);
    this.#pieces = [];
    return this.#whole(message, content);
  }

  #whole(message: WireMessage, content: Buffer): IncomingMessage {
    message.content = content;
    this.#coming = undefined;
    this.#hasHeader = false;
    return message;
  }
}

/** Its properties and headers are decoded when somebody asks for them. */
class WireMessage implements IncomingMessage {
  readonly consumerTag: string;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  content: Buffer = nothing;
  readonly #fields: FieldReader;
  /** Of the header frame. */
  #bytes: Buffer = nothing;
  #flagsAt = 0;
  #properties: MessageProperties | undefined;
  /** Undefined where they were decoded at once. */
  #encoded: HeaderBytes | undefined = HeaderBytes.none;
  #headers: HeaderTable | undefined;

  constructor(
    fields: FieldReader,
    consumerTag: string,
    deliveryTag: number,
    redelivered: boolean,
    exchange: string,
    routingKey: string,
  ) {
    this.#fields = fields;
    this.consumerTag = consumerTag;
    this.deliveryTag = deliveryTag;
    this.redelivered = redelivered;
    this.exchange = exchange;
    this.routingKey = routingKey;
  }

  get properties(): MessageProperties {
    if (this.#properties === undefined) {
      this.#properties = this.#fields.from(this.#bytes, this.#flagsAt).properties();
      this.#bytes = nothing;
    }
    return this.#properties;
  }

  get headers(): HeaderTable {
    this.#headers ??= this.#encoded === HeaderBytes.none ? noHeaders : this.#encoded?.table();
    return this.#headers ?? noHeaders;
  }

  get encodedHeaders(): EncodedHeaders | undefined {
    return this.#encoded;
  }

  /** @throws {TypeError | RangeError} for headers that are no table, at once: whoever reads them later could not say so */
  described(bytes: Buffer, flagsAt: number, end: number): void {
    this.#bytes = bytes;
    this.#flagsAt = flagsAt;
    const fields = this.#fields.from(bytes, flagsAt);
    if (fields.toHeaders()) {
      this.#encoded = HeaderBytes.in(bytes, fields.at, end);
      if (this.#encoded === undefined) this.#headers = fields.table();
    }
    if (fields.at > end) throw new RangeError('The headers of a message end beyond their frame');
  }
}

const nothing = Buffer.alloc(0);
