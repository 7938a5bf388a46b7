import { nextTick } from 'node:process';
import type { Writable } from 'node:stream';
import type { Clock } from '../effects.ts';

/** Frames are encoded into buffers of this size, in bytes; it is filled again once the socket has taken all of it. */
const slabBytes = 65_536;
/** Up to here a copy is cheaper than one more piece for the socket, in bytes. */
const copiedBytes = 8_192;

/**
 * Gathers frames and writes them to the socket together. Everything that is written to any channel of a connection goes
 * through one of these, so that frames leave in the order in which they came.
 *
 * The first frames of a turn of the event loop leave as soon as the running callback and its microtasks are done, so that
 * a lone message does not wait; what follows in the same turn leaves together at its end. While the socket takes no more,
 * frames are kept until it drains. There is no bound: who publishes must have one.
 *
 * Use, without an allocation per frame: `reserve(n)`, encode at most `n` bytes into `buffer` from `position` on, then
 * `commit(end)`. Only whole frames may be committed before the callback returns: amqplib writes heartbeats between them.
 */
export class FrameWriter {
  readonly #stream: Writable;
  readonly #clock: Pick<Clock, 'defer'>;
  readonly #onWritten: () => void;
  /** Whole pieces that come before what is in the buffer. */
  #pieces: Uint8Array[] = [];
  #buffer: Buffer = Buffer.alloc(0);
  /** Where in the buffer what is not handed to the socket begins. */
  #start = 0;
  #position = 0;
  #isDue = false;
  /** Something left in this turn already. */
  #hasLeft = false;
  #mustDrain = false;

  /** @param onWritten called whenever bytes were handed to the socket */
  constructor(stream: Writable, clock: Pick<Clock, 'defer'>, onWritten: () => void) {
    this.#stream = stream;
    this.#clock = clock;
    this.#onWritten = onWritten;
    stream.on('drain', () => {
      this.#mustDrain = false;
      this.#write();
    });
  }

  /** To encode into; `reserve` may replace it. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Where in the buffer the next frame begins. */
  get position(): number {
    return this.#position;
  }

  /** Makes room for so many bytes at `position`. */
  reserve(bytes: number): void {
    if (this.#position + bytes <= this.#buffer.length) return;
    this.#seal();
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes));
    this.#start = 0;
    this.#position = 0;
  }

  /** What was encoded from `position` to `end` leaves soon. */
  commit(end: number): void {
    this.#position = end;
    if (!this.#isDue) this.#leaveSoon();
  }

  /** Adds bytes that somebody else has encoded. Large ones are not copied: they must not change until they have left. */
  append(bytes: Uint8Array): void {
    if (bytes.length > copiedBytes) {
      this.#seal();
      this.#pieces.push(bytes);
      this.commit(this.#position);
      return;
    }
    this.reserve(bytes.length);
    this.#buffer.set(bytes, this.#position);
    this.commit(this.#position + bytes.length);
  }

  /** Hands everything to the socket now, whether it has room or not: before what amqplib writes past this writer. */
  flush(): void {
    this.#mustDrain = false;
    this.#write();
  }

  /** Closes what is in the buffer as a piece of its own. */
  #seal(): void {
    if (this.#position > this.#start) this.#pieces.push(this.#buffer.subarray(this.#start, this.#position));
    this.#start = this.#position;
  }

  #leaveSoon(): void {
    this.#isDue = true;
    if (this.#hasLeft) return; // at the end of the turn
    this.#hasLeft = true;
    nextTick(() => this.#write());
    this.#clock.defer(() => {
      this.#hasLeft = false;
      this.#write();
    });
  }

  #write(): void {
    if (this.#mustDrain) return; // `drain` comes back here
    this.#isDue = false;
    if (this.#pieces.length === 0 && this.#position === this.#start) return;
    // Ended by amqplib: nothing can leave any more, and everybody is being told.
    if (this.#stream.writable) this.#mustDrain = !this.#handOver();
    this.#pieces.length = 0;
    this.#start = this.#position;
    // Nothing is left with the socket: the buffer is ours again.
    if (this.#stream.writableLength === 0) this.#start = this.#position = 0;
  }

  /** False when the socket wants no more for now. */
  #handOver(): boolean {
    this.#onWritten();
    const stream = this.#stream;
    if (this.#pieces.length === 0) return stream.write(this.#buffer.subarray(this.#start, this.#position));
    this.#seal();
    let accepts = true;
    stream.cork();
    for (const piece of this.#pieces) accepts = stream.write(piece);
    stream.uncork();
    return accepts;
  }
}
