import type { HeaderTable, MessageProperties } from '../message.ts';
import { readUint64 } from './primitives.ts';
import { TextCache } from './text-cache.ts';

/** Of a property that was assigned: it may come twice. */
const plain = { configurable: true, enumerable: true, writable: true } as const;

/**
 * Reads what AMQP writes, one field after the other, as amqplib 2.3.1 does: the same values for the same bytes, and errors
 * where it has them. One for many messages: `from` puts it at the beginning of the next.
 */
export class FieldReader {
  readonly #texts = new TextCache();
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** Where the next field begins. */
  get at(): number {
    return this.#at;
  }

  from(bytes: Buffer, at: number): this {
    this.#bytes = bytes;
    this.#at = at;
    return this;
  }

  octet(): number {
    return this.#bytes.readUInt8(this.#move(1));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#move(2));
  }

  uint64(): number {
    return readUint64(this.#bytes, this.#move(8));
  }

  shortString(): string {
    const length = this.octet();
    const at = this.#move(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /** A short string that has probably been read before. */
  repeatedString(): string {
    const length = this.octet();
    const at = this.#move(length);
    return this.#texts.read(this.#bytes, at, at + length);
  }

  table(): HeaderTable {
    const length = this.#uint32();
    const end = this.#at + length;
    const table: Record<string, unknown> = {};
    while (this.#at < end) {
      const key = this.repeatedString();
      const value = this.value();
      // Assigned, it would be the prototype.
      if (key === '__proto__') Object.defineProperty(table, key, { ...plain, value });
      else table[key] = value;
    }
    return table;
  }

  /** All but the headers, from the flags on. */
  properties(): MessageProperties {
    const flags = this.uint16();
    const properties: { -readonly [Name in keyof MessageProperties]: MessageProperties[Name] } = {};
    if (flags & 0x8000) properties.contentType = this.repeatedString();
    if (flags & 0x4000) properties.contentEncoding = this.repeatedString();
    if (flags & 0x2000) this.#move(this.#uint32());
    if (flags & 0x1000) properties.deliveryMode = this.octet();
    if (flags & 0x800) properties.priority = this.octet();
    if (flags & 0x400) properties.correlationId = this.shortString();
    if (flags & 0x200) properties.replyTo = this.shortString();
    if (flags & 0x100) properties.expiration = this.shortString();
    if (flags & 0x80) properties.messageId = this.shortString();
    if (flags & 0x40) properties.timestamp = this.uint64();
    if (flags & 0x20) properties.type = this.repeatedString();
    if (flags & 0x10) properties.userId = this.repeatedString();
    if (flags & 0x8) properties.appId = this.repeatedString();
    return properties;
  }

  /** From the flags on to the headers; false where there are none. */
  toHeaders(): boolean {
    const flags = this.uint16();
    if ((flags & 0x2000) === 0) return false;
    if (flags & 0x8000) this.#move(this.octet());
    if (flags & 0x4000) this.#move(this.octet());
    return true;
  }

  /** A value of a table or array, its tag first. */
  value(): unknown {
    const bytes = this.#bytes;
    const tag = this.octet();
    switch (tag) {
      case 0x62: // b
        return bytes.readInt8(this.#move(1));
      case 0x42: // B
        return this.octet();
      case 0x53: // S
        return this.#longString();
      case 0x49: // I
        return bytes.readInt32BE(this.#move(4));
      case 0x69: // i
        return this.#uint32();
      case 0x73: // s
        return bytes.readInt16BE(this.#move(2));
      case 0x75: // u
        return this.uint16();
      case 0x6c: // l
        return Number(bytes.readBigInt64BE(this.#move(8)));
      case 0x74: // t
        return this.octet() !== 0;
      case 0x46: // F
        return this.table();
      case 0x41: // A
        return this.#array();
      case 0x56: // V
        return null;
      default:
        return this.#rareValue(tag);
    }
  }

  #rareValue(tag: number): unknown {
    const bytes = this.#bytes;
    switch (tag) {
      case 0x64: // d
        return bytes.readDoubleBE(this.#move(8));
      case 0x66: // f
        return bytes.readFloatBE(this.#move(4));
      case 0x54: // T
        return { '!': 'timestamp', value: this.uint64() };
      case 0x44: // D
        return { '!': 'decimal', value: { places: this.octet(), digits: this.#uint32() } };
      case 0x78: {
        // x
        const length = this.#uint32();
        const at = this.#move(length);
        return bytes.subarray(at, at + length);
      }
      default:
        throw new TypeError(`Unexpected type tag "${String.fromCharCode(tag)}"`);
    }
  }

  #array(): unknown[] {
    const length = this.#uint32();
    const end = this.#at + length;
    const values: unknown[] = [];
    while (this.#at < end) values.push(this.value());
    return values;
  }

  #longString(): string {
    const length = this.#uint32();
    const at = this.#move(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  #uint32(): number {
    return this.#bytes.readUInt32BE(this.#move(4));
  }

  /** Where a field of so many bytes begins; what comes next begins behind it. */
  #move(bytes: number): number {
    const at = this.#at;
    this.#at = at + bytes;
    return at;
  }
}
