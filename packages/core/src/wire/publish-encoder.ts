import type { OutgoingMessage } from '../message.ts';
import type { FrameWriter } from './frame-writer.ts';
import { writeShortString, writeUint32, writeUint64 } from './primitives.ts';
import { writeTable } from './table-encoder.ts';
import { Unencodable } from './unencodable.ts';

/** Up to here a body is copied behind its header, in bytes; a larger one is handed to the socket as it is. */
const copiedBody = 8_192;
/** Room for the header frame of every usual message, in bytes. */
const usualHeader = 2_048;
/** Of an encoded table; amqplib refuses a larger one. */
const longestTable = 65_536;
/** Room for any header frame that amqplib would encode, in bytes: the table, and nine short strings. */
const longestHeader = longestTable + 4_096;
/** Type, channel and size before a payload, one byte after it. */
const frameOverhead = 8;
/** So many method frames are kept, then they are encoded anew. */
const keptTargets = 1_000;

/**
 * Encodes `basic.publish` with its header and body frames straight into a {@link FrameWriter}, byte for byte as amqplib
 * 2.3.1 does. What depends only on where a message goes is encoded once.
 */
export class PublishEncoder {
  readonly #channel: number;
  readonly #writer: FrameWriter;
  readonly #bodyPerFrame: number;
  /** Method frames by routing key, of the exchange that was published to last. */
  readonly #targets = new Map<string, Buffer>();
  #exchange = '';
  #mandatory = true;
  #routingKey = '';
  #target: Buffer | undefined;

  /** @param frameMax negotiated, in bytes */
  constructor(channel: number, writer: FrameWriter, frameMax: number) {
    this.#channel = channel;
    this.#writer = writer;
    this.#bodyPerFrame = frameMax - frameOverhead;
  }

  /**
   * Queues the frames of one message. A large body is not copied: it must not change until it has left.
   *
   * @returns false for what is left to amqplib; then nothing was queued
   */
  write(message: OutgoingMessage): boolean {
    if (!(message.content instanceof Uint8Array)) return false;
    try {
      const target = this.#targetOf(message);
      return this.#write(message, target, usualHeader) || this.#write(message, target, longestHeader);
    } catch {
      // What is wrong with it amqplib says better.
      return false;
    }
  }

  /** False when the header frame has no room in so many bytes. */
  #write(message: OutgoingMessage, target: Buffer, headerRoom: number): boolean {
    const writer = this.#writer;
    const { content } = message;
    const isCopied = content.length <= copiedBody && content.length <= this.#bodyPerFrame;
    const limit = target.length + headerRoom;
    writer.reserve(limit + (isCopied ? content.length + frameOverhead : 0));
    const { buffer, position } = writer;
    buffer.set(target, position);
    let end = this.#header(buffer, message, position + target.length);
    if (end > position + limit) return false;
    if (isCopied && content.length > 0) end = this.#body(buffer, content, end);
    writer.commit(end);
    if (!isCopied) this.#bodyInPieces(content);
    return true;
  }

  #targetOf({ exchange, routingKey, mandatory }: OutgoingMessage): Buffer {
    if (exchange !== this.#exchange || mandatory !== this.#mandatory) {
      this.#targets.clear();
      this.#target = undefined;
      this.#exchange = exchange;
      this.#mandatory = mandatory;
    }
    if (this.#target === undefined || routingKey !== this.#routingKey) {
      this.#target = this.#targets.get(routingKey) ?? this.#keep(routingKey);
      this.#routingKey = routingKey;
    }
    return this.#target;
  }

  #keep(routingKey: string): Buffer {
    const target = methodFrame(this.#channel, this.#exchange, routingKey, this.#mandatory);
    if (this.#targets.size >= keptTargets) this.#targets.clear();
    this.#targets.set(routingKey, target);
    return target;
  }

  #header(buffer: Buffer, message: OutgoingMessage, at: number): number {
    const { content } = message;
    buffer[at] = 2;
    buffer[at + 1] = this.#channel >>> 8;
    buffer[at + 2] = this.#channel;
    writeUint32(buffer, 0x3c_0000, at + 7); // class 60, weight 0
    writeUint64(buffer, content.length, at + 11);
    const end = writeProperties(buffer, message, at + 19);
    writeUint32(buffer, end - at - 7, at + 3);
    buffer[end] = 0xce;
    return end + 1;
  }

  #body(buffer: Buffer, content: Uint8Array, at: number): number {
    const start = this.#bodyFrame(buffer, content.length, at);
    buffer.set(content, start);
    buffer[start + content.length] = 0xce;
    return start + content.length + 1;
  }

  /** As many frames as the negotiated size asks for; the bytes themselves stay where they are. */
  #bodyInPieces(content: Uint8Array): void {
    const writer = this.#writer;
    for (let offset = 0; offset < content.length; offset += this.#bodyPerFrame) {
      const piece = content.subarray(offset, offset + this.#bodyPerFrame);
      writer.reserve(frameOverhead);
      writer.commit(this.#bodyFrame(writer.buffer, piece.length, writer.position));
      writer.append(piece);
      writer.reserve(1);
      writer.buffer[writer.position] = 0xce;
      writer.commit(writer.position + 1);
    }
  }

  #bodyFrame(buffer: Buffer, bytes: number, at: number): number {
    buffer[at] = 3;
    buffer[at + 1] = this.#channel >>> 8;
    buffer[at + 2] = this.#channel;
    return writeUint32(buffer, bytes, at + 3);
  }
}

/** amqplib writes an empty table where there are none. */
const noHeaders = {};

/** The whole frame of `basic.publish`: class 60, method 40. */
function methodFrame(channel: number, exchange: string, routingKey: string, mandatory: boolean): Buffer {
  const buffer = Buffer.alloc(14 + 2 * 256 + frameOverhead);
  buffer[0] = 1;
  buffer.writeUInt16BE(channel, 1);
  buffer.writeUInt32BE(0x3c_0028, 7);
  let end = writeShortString(buffer, routingKey, writeShortString(buffer, exchange, 13));
  buffer[end] = mandatory ? 1 : 0;
  end += 1;
  buffer.writeUInt32BE(end - 7, 3);
  buffer[end] = 0xce;
  return Buffer.from(buffer.subarray(0, end + 1));
}

/** Flags, then what they say is there, in the order of the flags. */
function writeProperties(buffer: Buffer, message: OutgoingMessage, at: number): number {
  const { properties } = message;
  let flags = 0x2000; // headers
  let end = at + 2;
  if (properties.contentType !== undefined) {
    flags |= 0x8000;
    end = writeShortString(buffer, properties.contentType, end);
  }
  if (properties.contentEncoding !== undefined) {
    flags |= 0x4000;
    end = writeShortString(buffer, properties.contentEncoding, end);
  }
  const table = end;
  end = writeHeaders(buffer, message, table);
  if (end - table > longestTable) throw new Unencodable();
  if (properties.deliveryMode !== undefined) {
    flags |= 0x1000;
    end = writeOctet(buffer, properties.deliveryMode, end);
  }
  if (properties.priority !== undefined) {
    flags |= 0x800;
    end = writeOctet(buffer, properties.priority, end);
  }
  if (properties.correlationId !== undefined) {
    flags |= 0x400;
    end = writeShortString(buffer, properties.correlationId, end);
  }
  if (properties.replyTo !== undefined) {
    flags |= 0x200;
    end = writeShortString(buffer, properties.replyTo, end);
  }
  if (properties.expiration !== undefined) {
    flags |= 0x100;
    end = writeShortString(buffer, properties.expiration, end);
  }
  if (properties.messageId !== undefined) {
    flags |= 0x80;
    end = writeShortString(buffer, properties.messageId, end);
  }
  if (properties.timestamp !== undefined) {
    flags |= 0x40;
    end = writeTimestamp(buffer, properties.timestamp, end);
  }
  if (properties.type !== undefined) {
    flags |= 0x20;
    end = writeShortString(buffer, properties.type, end);
  }
  if (properties.userId !== undefined) {
    flags |= 0x10;
    end = writeShortString(buffer, properties.userId, end);
  }
  if (properties.appId !== undefined) {
    flags |= 0x8;
    end = writeShortString(buffer, properties.appId, end);
  }
  buffer[at] = flags >>> 8;
  buffer[at + 1] = flags;
  return end;
}

function writeHeaders(buffer: Buffer, message: OutgoingMessage, at: number): number {
  const { headerBytes } = message;
  if (headerBytes === undefined) return writeTable(buffer, message.headers ?? noHeaders, at);
  const end = at + headerBytes.length;
  if (end <= buffer.length) buffer.set(headerBytes, at);
  return end;
}

function writeOctet(buffer: Buffer, value: number, at: number): number {
  if ((value & 0xff) !== value) throw new Unencodable();
  buffer[at] = value;
  return at + 1;
}

function writeTimestamp(buffer: Buffer, seconds: number, at: number): number {
  if (!Number.isSafeInteger(seconds) || seconds < 0) throw new Unencodable();
  return writeUint64(buffer, seconds, at);
}
