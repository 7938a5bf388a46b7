import type { Socket } from 'node:net';
import { Delivering } from './delivering.ts';
import { longString, method, methodId, readShortString, shortString, table, unsigned16, unsigned32 } from './frames.ts';

const greetingLength = 8;
const publish = methodId(60, 40);
const acknowledge = methodId(60, 80);
/** Frame head and end. */
const frameExtra = 8;

interface Channel {
  prefetch: number;
  published: number;
  /** Of `published`, how many are not confirmed yet. */
  isDue: boolean;
  /** Bytes of the current message's body that are still to come; undefined before its header. */
  missing: number | undefined;
  delivering: Delivering | undefined;
}

/** Serves one client: everything is declared, every publish is confirmed, every consumer has an endless backlog. */
export class NullConnection {
  readonly #socket: Socket;
  readonly #bodyBytes: number;
  readonly #channels = new Map<number, Channel>();
  #rest: Buffer = Buffer.alloc(0);
  #isGreeted = false;
  #tags = 0;

  constructor(socket: Socket, bodyBytes: number) {
    this.#socket = socket;
    this.#bodyBytes = bodyBytes;
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', () => socket.destroy());
  }

  #take(bytes: Buffer): void {
    let all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#socket.cork();
    if (!this.#isGreeted && all.length >= greetingLength) {
      this.#isGreeted = true;
      all = all.subarray(greetingLength);
      this.#socket.write(start());
    }
    let at = 0;
    while (this.#isGreeted && all.length - at >= frameExtra) {
      const size = all.readUInt32BE(at + 3);
      if (all.length - at < size + frameExtra) break;
      this.#frame(all, at, size);
      at += size + frameExtra;
    }
    this.#rest = all.subarray(at);
    this.#answer();
    this.#socket.uncork();
  }

  #frame(bytes: Buffer, at: number, size: number): void {
    const type = bytes[at];
    const number = bytes.readUInt16BE(at + 1);
    const payload = at + 7;
    const channel = this.#channels.get(number);
    if (type === 1) {
      const id = bytes.readUInt32BE(payload);
      if (id === publish) return;
      if (id === acknowledge) {
        const tag = bytes.readUInt32BE(payload + 8);
        channel?.delivering?.acknowledge(tag, ((bytes[payload + 12] ?? 0) & 1) === 1);
      } else {
        this.#method(number, id, bytes.subarray(payload + 4, payload + size));
      }
    } else if (channel !== undefined && type === 2) {
      channel.missing = bytes.readUInt32BE(payload + 8); // no body here is longer than 4 GiB
      this.#body(channel, 0);
    } else if (channel !== undefined && type === 3) {
      this.#body(channel, size);
    }
  }

  #body(channel: Channel, size: number): void {
    channel.missing = (channel.missing ?? 0) - size;
    if (channel.missing > 0) return;
    channel.published += 1;
    channel.isDue = true;
  }

  /** What one chunk has published is confirmed at once, as a broker under load does. */
  #answer(): void {
    for (const [number, channel] of this.#channels) {
      if (channel.isDue) {
        channel.isDue = false;
        const tag = Buffer.concat([unsigned32(0), unsigned32(channel.published), Buffer.from([1])]);
        this.#socket.write(method(number, acknowledge, tag));
      }
      const batch = channel.delivering?.next();
      if (batch !== undefined) this.#socket.write(batch);
    }
  }

  #method(channel: number, id: number, fields: Buffer): void {
    const reply = (classId: number, number: number, ...parts: Buffer[]): void => {
      this.#socket.write(method(channel, methodId(classId, number), ...parts));
    };
    switch (id) {
      case methodId(10, 11): // start-ok
        reply(10, 30, unsigned16(2_047), unsigned32(131_072), unsigned16(60));
        break;
      case methodId(10, 40): // open
        reply(10, 41, shortString(''));
        break;
      case methodId(10, 50): // close
        reply(10, 51);
        break;
      case methodId(20, 10): // channel.open
        this.#channels.set(channel, {
          prefetch: 0,
          published: 0,
          isDue: false,
          missing: undefined,
          delivering: undefined,
        });
        reply(20, 11, longString(''));
        break;
      case methodId(20, 40): // channel.close
        this.#channels.delete(channel);
        reply(20, 41);
        break;
      case methodId(50, 10): // queue.declare
        reply(50, 11, shortString(readShortString(fields, 2).text), unsigned32(0), unsigned32(0));
        break;
      case methodId(60, 10): // basic.qos
        this.#set(channel, { prefetch: fields.readUInt16BE(4) });
        reply(60, 11);
        break;
      case methodId(60, 20): // basic.consume
        reply(60, 21, shortString(this.#consume(channel, fields)));
        break;
      case methodId(60, 30): // basic.cancel
        this.#set(channel, { delivering: undefined });
        reply(60, 31, shortString(readShortString(fields, 0).text));
        break;
      default:
        this.#plain(id, reply);
    }
  }

  /** What needs no more than its own -ok. */
  #plain(id: number, reply: (classId: number, number: number) => void): void {
    const answered: readonly (readonly [classId: number, number: number])[] = [
      [40, 10], // exchange.declare
      [40, 30], // exchange.bind
      [50, 20], // queue.bind
      [50, 50], // queue.unbind
      [85, 10], // confirm.select
    ];
    const known = answered.find(([classId, number]) => methodId(classId, number) === id);
    if (known !== undefined) reply(known[0], known[1] + 1);
  }

  /** Returns the consumer's tag. Direct reply-to, and what needs no acknowledgement, gets no messages. */
  #consume(channel: number, fields: Buffer): string {
    const queue = readShortString(fields, 2);
    const tag = readShortString(fields, queue.end);
    this.#tags += 1;
    const consumerTag = tag.text === '' ? `tag-${this.#tags}` : tag.text;
    const isNoAck = ((fields[tag.end] ?? 0) & 2) === 2;
    const prefetch = this.#channels.get(channel)?.prefetch ?? 0;
    if (!isNoAck) {
      this.#set(channel, {
        delivering: new Delivering(channel, consumerTag, queue.text, prefetch, this.#bodyBytes),
      });
    }
    return consumerTag;
  }

  #set(channel: number, change: Partial<Channel>): void {
    const known = this.#channels.get(channel);
    if (known !== undefined) Object.assign(known, change);
  }
}

function start(): Buffer {
  const properties = table({
    product: 'RabbitMQ',
    version: '4.3.6',
    capabilities: [
      'publisher_confirms',
      'exchange_exchange_bindings',
      'basic.nack',
      'consumer_cancel_notify',
      'connection.blocked',
      'authentication_failure_close',
      'per_consumer_qos',
    ],
  });
  return method(0, methodId(10, 10), Buffer.from([0, 9]), properties, longString('PLAIN'), longString('en_US'));
}
