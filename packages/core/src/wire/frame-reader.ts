import type { Clock } from '../effects.ts';
import type { AmqplibInside } from './amqplib-inside.ts';

/** Takes frames of one channel past amqplib. */
export interface FrameListener {
  /**
   * A whole frame of this channel lies in `bytes`, its payload from `at` to `end`.
   *
   * @param type 1 is a method, 2 a header, 3 a body
   * @returns false for what amqplib is to have
   */
  onFrame(type: number, bytes: Buffer, at: number, end: number): boolean;
}

/** Type, channel and size before a payload. */
const headBytes = 7;
const nothing = Buffer.alloc(0);
/** Frames of a single channel in a row, so that no other can be said to be waiting for its own. */
const fewestInARow = 64;

/**
 * Cuts what the socket gives into frames. amqplib goes on asking for the next frame, in its own loop, with its own care
 * of errors; what a channel's listener takes it never sees, and everything else it decodes itself.
 */
export class FrameReader {
  readonly #inside: AmqplibInside;
  readonly #amqplibs: AmqplibInside['recvFrame'];
  /** What amqplib does with frames while the connection is open. */
  readonly #accept: AmqplibInside['accept'];
  /** By channel number. */
  readonly #listeners: (FrameListener | undefined)[] = [];
  readonly #clock: Clock;
  #bytes: Buffer;
  /** Where in the bytes the next frame begins. */
  #at = 0;
  /** Whose the last frame was, and how many of its own came right before it. */
  #last: FrameListener | undefined;
  #inARow = 0;
  #isPaused = false;

  /** Takes over at once. */
  constructor(inside: AmqplibInside, clock: Clock) {
    this.#inside = inside;
    this.#clock = clock;
    this.#amqplibs = inside.recvFrame;
    this.#accept = inside.accept;
    this.#bytes = inside.rest;
    inside.rest = nothing;
    inside.recvFrame = () => this.#next();
  }

  /** Until `ignore`. */
  listen(channel: number, listener: FrameListener): void {
    this.#listeners[channel] = listener;
  }

  ignore(channel: number, listener: FrameListener): void {
    if (this.#listeners[channel] === listener) this.#listeners[channel] = undefined;
  }

  /**
   * The socket is not read for so many milliseconds, and what came meanwhile then at once: to be woken for each few frames
   * costs more than the frames. Nothing happens where other channels have frames among these.
   */
  pause(listener: FrameListener, forMs: number): void {
    if (this.#isPaused || this.#last !== listener || this.#inARow < fewestInARow) return;
    this.#isPaused = true;
    this.#inside.stream.pause();
    this.#clock.setTimeout(() => {
      this.#isPaused = false;
      this.#inside.stream.resume();
    }, forMs);
  }

  /** The next frame that is amqplib's; false when there is none yet. */
  #next(): object | false {
    for (;;) {
      const end = this.#wholeFrame();
      if (end === undefined) {
        if (!this.#read()) return false;
        continue;
      }
      const at = this.#at;
      this.#at = end;
      if (!this.#isTaken(at, end)) return this.#decoded(at, end);
    }
  }

  /** Where the frame that comes next ends; undefined when it is not all there. */
  #wholeFrame(): number | undefined {
    const bytes = this.#bytes;
    const at = this.#at;
    if (bytes.length - at < headBytes) return undefined;
    const size = bytes.readUInt32BE(at + 3);
    const { maxFrameSize } = this.#inside;
    // What is too large amqplib refuses by its head alone.
    if (maxFrameSize > 0 && size > maxFrameSize) return bytes.length;
    const end = at + headBytes + size + 1;
    return end > bytes.length ? undefined : end;
  }

  #isTaken(at: number, end: number): boolean {
    const bytes = this.#bytes;
    const listener = this.#listeners[((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)];
    if (listener !== this.#last) this.#inARow = 0;
    this.#inARow += 1;
    this.#last = listener;
    // While it closes, amqplib ignores what comes.
    if (listener === undefined || this.#inside.accept !== this.#accept) return false;
    // What is no frame is for amqplib to say.
    if (bytes[end - 1] !== 0xce || bytes.readUInt32BE(at + 3) !== end - at - headBytes - 1) return false;
    return listener.onFrame(bytes[at] as number, bytes, at + headBytes, end - 1);
  }

  #decoded(at: number, end: number): object | false {
    const inside = this.#inside;
    inside.rest = this.#bytes.subarray(at, end);
    return this.#amqplibs.call(inside);
  }

  /** False when the socket has nothing. */
  #read(): boolean {
    const incoming = this.#inside.stream.read() as Buffer | null;
    if (incoming === null) {
      // What is read to its end is not kept.
      this.#bytes = this.#bytes.subarray(this.#at);
      if (this.#bytes.length === 0) this.#bytes = nothing;
      this.#at = 0;
      return false;
    }
    this.#inside.recvSinceLastCheck = true;
    const rest = this.#bytes.subarray(this.#at);
    this.#bytes = rest.length === 0 ? incoming : Buffer.concat([rest, incoming]);
    this.#at = 0;
    return true;
  }
}
