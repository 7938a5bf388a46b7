import type { IncomingMessage, OutgoingMessage } from '../message.ts';
import { DeliveryReader } from './delivery-reader.ts';
import type { FrameListener, FrameReader } from './frame-reader.ts';
import type { FrameWriter } from './frame-writer.ts';
import { readUint64, writeUint32, writeUint64 } from './primitives.ts';
import { PublishEncoder } from './publish-encoder.ts';

/** basic.deliver, basic.ack, basic.reject and basic.nack: class 60 and the method's number. */
const deliver = 60;
const ack = 80;
const reject = 90;
const nack = 120;
/** Frame header, method id, delivery tag, one byte of flags, frame end. */
const settlingBytes = 21;

/** Class 60, in the upper two bytes of a method id. */
const basic = 60 * 0x1_0000;
/** Method id, delivery tag and flags. */
const confirmBytes = 13;

/** What a channel is told of frames that amqplib does not see. */
export interface WireListeners {
  onConfirm(sequence: number, multiple: boolean, stored: boolean): void;
  onDelivery(message: IncomingMessage): void;
}

export interface WireChannelParts {
  readonly writer: FrameWriter;
  readonly reader: FrameReader;
  /** Negotiated, in bytes. */
  readonly frameMax: number;
  /** Whether amqplib would still write to it. */
  readonly isOpen: () => boolean;
}

/**
 * Writes and reads the frames of one channel past amqplib. What writes returns false for what is left to amqplib: a message that it
 * must look at, or anything on a connection or channel that it has begun to close.
 */
export class WireChannel implements FrameListener {
  readonly #number: number;
  readonly #writer: FrameWriter;
  readonly #encoder: PublishEncoder;
  readonly #isOpen: () => boolean;
  readonly #reader: FrameReader;
  readonly #deliveries = new DeliveryReader();
  #listeners: WireListeners | undefined;

  constructor(number: number, { writer, reader, frameMax, isOpen }: WireChannelParts) {
    this.#number = number;
    this.#writer = writer;
    this.#reader = reader;
    this.#encoder = new PublishEncoder(number, writer, frameMax);
    this.#isOpen = isOpen;
  }

  /** From now on, until `ignore`, amqplib sees no confirms and no deliveries any more. */
  listen(listeners: WireListeners): void {
    this.#listeners = listeners;
    this.#reader.listen(this.#number, this);
  }

  /** The channel is closing, or has ended: its number may become another's. */
  ignore(): void {
    this.#reader.ignore(this.#number, this);
  }

  onFrame(type: number, bytes: Buffer, at: number, end: number): boolean {
    if (type === 1) return this.#onMethod(bytes, at, end);
    // Other content than a delivery's: a message returned, or fetched one by one.
    if (!this.#deliveries.isAmid) return false;
    if (type !== 2 && type !== 3) return false;
    const whole = type === 2 ? this.#deliveries.header(bytes, at, end) : this.#deliveries.body(bytes, at, end);
    if (whole !== undefined) this.#listeners?.onDelivery(whole);
    return true;
  }

  #onMethod(bytes: Buffer, at: number, end: number): boolean {
    if (end - at < confirmBytes) return false;
    const method = bytes.readUInt32BE(at);
    if (method === basic + deliver) {
      this.#deliveries.method(bytes, at + 4);
      return true;
    }
    if (end - at !== confirmBytes || (method !== basic + ack && method !== basic + nack)) return false;
    const flags = bytes[at + 12] as number;
    this.#listeners?.onConfirm(readUint64(bytes, at + 4), flags % 2 === 1, method === basic + ack);
    return true;
  }

  publish(message: OutgoingMessage): boolean {
    return this.#isOpen() && this.#encoder.write(message);
  }

  ack(deliveryTag: number, multiple: boolean): boolean {
    return this.#settle(ack, deliveryTag, multiple ? 1 : 0);
  }

  nack(deliveryTag: number, requeue: boolean, multiple: boolean): boolean {
    return this.#settle(nack, deliveryTag, (requeue ? 2 : 0) + (multiple ? 1 : 0));
  }

  reject(deliveryTag: number, requeue: boolean): boolean {
    return this.#settle(reject, deliveryTag, requeue ? 1 : 0);
  }

  /** @param forMs in milliseconds */
  pauseReading(forMs: number): void {
    this.#reader.pause(this, forMs);
  }

  #settle(method: number, deliveryTag: number, flags: number): boolean {
    if (!this.#isOpen()) return false;
    const writer = this.#writer;
    writer.reserve(settlingBytes);
    const { buffer, position } = writer;
    buffer[position] = 1;
    buffer[position + 1] = this.#number >>> 8;
    buffer[position + 2] = this.#number;
    writeUint32(buffer, 13, position + 3);
    writeUint32(buffer, basic + method, position + 7);
    writeUint64(buffer, deliveryTag, position + 11);
    buffer[position + 19] = flags;
    buffer[position + 20] = 0xce;
    writer.commit(position + settlingBytes);
    return true;
  }
}
