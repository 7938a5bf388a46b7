import type { Socket } from 'node:net';
import { reset } from './socket-reset.ts';

export type Direction = 'to-broker' | 'to-client';

/** What the network does to what is on its way. One object for all lanes of a proxy; changed by its verbs. */
export interface Weather {
  readonly lost: Set<Direction>;
  delayMs: number;
  /** Each way, of each connection. */
  bytesPerSecond: number;
}

// Above this much on its way, a lane stops reading until some has arrived.
const maxQueuedBytes = 16 * 1024 * 1024;
// A slow line carries so many slices a second.
const slicesPerSecond = 20;

interface Parcel {
  /** `undefined` is the end of the stream. */
  readonly bytes: Buffer | undefined;
  readonly dueAt: number;
}

/** One direction of one connection. Keeps order whatever the delay; passes on the end of the stream like its bytes. */
export class ProxiedLane {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #direction: Direction;
  readonly #weather: Weather;
  #queue: Parcel[] = [];
  #queuedBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** What a real network would deliver late: the kernel repeats the end of a stream, or its reset, until it arrives. */
  #heldBack: 'end' | 'reset' | undefined;
  #hasLost = false;

  constructor(source: Socket, sink: Socket, direction: Direction, weather: Weather) {
    this.#source = source;
    this.#sink = sink;
    this.#direction = direction;
    this.#weather = weather;
    source.on('data', (bytes: Buffer) => this.#send(bytes));
    source.on('end', () => this.#send(undefined));
    source.on('error', () => {}); // 'close' follows
    source.on('close', () => this.#sourceClosed());
    sink.on('drain', () => {
      if (!this.#isFull) this.#source.resume();
    });
  }

  /** Whether bytes were discarded, so that the sink cannot be given what comes behind them. */
  get hasLost(): boolean {
    return this.#hasLost;
  }

  /** What is on its way is lost, and nothing that is not read can be. */
  lose(): void {
    this.#hasLost ||= this.#queuedBytes > 0;
    this.#clear();
    this.#source.resume();
  }

  /** Delivers at once what is on its way, and what was held back. */
  heal(): void {
    this.#deliverUntil(Number.POSITIVE_INFINITY);
    const heldBack = this.#heldBack;
    this.#heldBack = undefined;
    if (heldBack === 'reset') reset(this.#sink);
    if (heldBack === 'end') this.#sink.end();
  }

  get #isLost(): boolean {
    return this.#weather.lost.has(this.#direction);
  }

  #send(bytes: Buffer | undefined): void {
    if (this.#isLost) {
      if (bytes === undefined) this.#heldBack = 'end';
      else this.#hasLost = true;
      return;
    }
    const { delayMs, bytesPerSecond } = this.#weather;
    if (this.#queue.length === 0 && delayMs === 0 && bytesPerSecond === Number.POSITIVE_INFINITY) {
      this.#deliver(bytes);
      return;
    }
    for (const slice of bytes === undefined ? [undefined] : slicesOf(bytes, bytesPerSecond)) {
      const earliest = Math.max(this.#queue.at(-1)?.dueAt ?? 0, performance.now() + delayMs);
      this.#queue.push({ bytes: slice, dueAt: earliest + ((slice?.length ?? 0) * 1_000) / bytesPerSecond });
    }
    this.#queuedBytes += bytes?.length ?? 0;
    if (this.#isFull) this.#source.pause();
    if (this.#timer === undefined) this.#setTimer();
  }

  /** A slow line holds one second's worth: whoever writes to it has to feel it. */
  get #isFull(): boolean {
    return this.#queuedBytes > Math.min(maxQueuedBytes, this.#weather.bytesPerSecond);
  }

  #deliver(bytes: Buffer | undefined): void {
    if (bytes === undefined) this.#sink.end();
    else if (this.#sink.writable && !this.#sink.write(bytes)) this.#source.pause();
  }

  #deliverUntil(now: number): void {
    while (this.#queue[0] !== undefined && this.#queue[0].dueAt <= now) {
      const { bytes } = this.#queue.shift() as Parcel;
      this.#queuedBytes -= bytes?.length ?? 0;
      this.#deliver(bytes);
    }
    if (!this.#isFull && !this.#sink.writableNeedDrain) this.#source.resume();
    this.#setTimer();
  }

  /** For the oldest parcel; a later one is never due before it. */
  #setTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const next = this.#queue[0];
    if (next === undefined) return;
    const waitMs = Math.max(0, Math.ceil(next.dueAt - performance.now()));
    this.#timer = setTimeout(() => this.#deliverUntil(performance.now()), waitMs);
  }

  #sourceClosed(): void {
    if (this.#source.readableEnded) return; // its end has been passed on
    if (this.#isLost) this.#heldBack = 'reset';
    else reset(this.#sink);
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue = [];
    this.#queuedBytes = 0;
  }
}

function slicesOf(bytes: Buffer, bytesPerSecond: number): Buffer[] {
  const size = Math.ceil(bytesPerSecond / slicesPerSecond);
  if (bytes.length <= size) return [bytes];
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}
