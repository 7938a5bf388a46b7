import type { Clock } from '../effects.ts';
import type { AmqplibInside, FrameSink } from './amqplib-inside.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { WireChannel } from './wire-channel.ts';

/**
 * Our own way of writing to, and reading from, a connection of amqplib's. The frames of all channels, amqplib's and ours,
 * go through one {@link FrameWriter}, in the order in which they came. Only what belongs to the connection itself (its
 * closing, heartbeats) amqplib goes on writing to the socket. Reading goes through a {@link FrameReader}.
 */
export class WireConnection {
  readonly #inside: AmqplibInside;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  readonly #sendMessage: unknown;
  /** What this made: a channel that amqplib writes elsewhere is left alone. */
  readonly #sinks = new WeakSet<FrameSink>();

  /** Takes over at once. No channel may be open yet. */
  constructor(inside: AmqplibInside, clock: Clock) {
    this.#inside = inside;
    this.#sendMessage = inside.sendMessage;
    this.#writer = new FrameWriter(inside.stream, clock, () => {
      inside.sentSinceLastCheck = true;
    });
    this.#reader = new FrameReader(inside, clock);
    const fresh = inside.freshChannel;
    inside.freshChannel = (channel, options) => {
      const number = fresh.call(inside, channel, options);
      this.#takeOver(number);
      return number;
    };
  }

  /** For a channel of amqplib's that is open; undefined where amqplib keeps the writing to itself. */
  channel(channel: object): WireChannel | undefined {
    const inside = this.#inside;
    const { ch: number, sendMessage } = channel as { readonly ch?: unknown; readonly sendMessage?: unknown };
    if (typeof number !== 'number' || typeof sendMessage !== 'function') return undefined;
    const sink = inside.channels[number]?.buffer;
    if (sink === undefined || !this.#sinks.has(sink)) return undefined;
    // Once either is closing, amqplib puts something in the place of its methods that throws.
    const isOpen = (): boolean =>
      inside.sendMessage === this.#sendMessage && (channel as { sendMessage: unknown }).sendMessage === sendMessage;
    const { frameMax } = inside;
    return new WireChannel(number, { writer: this.#writer, reader: this.#reader, frameMax, isOpen });
  }

  /** Everything leaves now: what amqplib writes for the connection itself would overtake it. */
  flush(): void {
    this.#writer.flush();
  }

  #takeOver(number: number): void {
    const record = this.#inside.channels[number];
    if (typeof record?.buffer?.write !== 'function' || typeof record.buffer.end !== 'function') return;
    const writer = this.#writer;
    // Nothing has been written to amqplib's own; ended, it leaves amqplib's list.
    record.buffer.end();
    record.buffer = {
      write(frame) {
        writer.append(frame);
        return true;
      },
      end: () => undefined,
    };
    this.#sinks.add(record.buffer);
  }
}
