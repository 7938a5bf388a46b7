import type { Clock } from '@surehop/core/internal';
import { type FrameDirection, type FrameFate, type FrameInfo, Line } from './line.ts';

export interface MemoryNetworkOptions {
  /**
   * How long a frame is on its way, in milliseconds, asked for each; their order is kept.
   * @default always 0: it arrives in a later turn, at the same time
   */
  readonly latencyMs?: () => number;
  /**
   * Decides about each frame before it goes.
   * @default every frame passes
   */
  readonly onFrame?: (frame: FrameInfo) => FrameFate;
}

/** What lies between some clients and an in-memory broker, and can fail on command. */
export class MemoryNetwork {
  latencyMs: () => number;
  onFrame: (frame: FrameInfo) => FrameFate;
  readonly #held = new Set<FrameDirection>();
  readonly #lines = new Set<Line>();
  #count = 0;
  #refuses = false;

  constructor({ latencyMs = () => 0, onFrame = () => 'pass' }: MemoryNetworkOptions = {}) {
    this.latencyMs = latencyMs;
    this.onFrame = onFrame;
  }

  /** How many connections there are, half-open ones included. */
  get connections(): number {
    return this.#lines.size;
  }

  get refuses(): boolean {
    return this.#refuses;
  }

  /** Resets every connection. New ones are served. */
  cut(): void {
    for (const line of [...this.#lines]) line.reset();
  }

  /**
   * Lets nothing through, of today's connections and new ones, until `heal()`. As TCP does, both sides keep what they
   * send and go on with it after `heal()`, unless one of them has given the connection up meanwhile.
   *
   * @param direction one way only
   */
  blackhole(direction?: FrameDirection): void {
    for (const one of direction === undefined ? (['to-broker', 'to-client'] as const) : [direction]) {
      this.#held.add(one);
      for (const line of this.#lines) line.hold(one);
    }
  }

  /** Refuses new connections; today's go on. */
  refuse(): void {
    this.#refuses = true;
  }

  /** Ends every fault. */
  heal(): void {
    this.#refuses = false;
    this.#held.clear();
    for (const line of this.#lines) line.release();
  }

  /** For the broker's driver: one more connection. */
  open(clock: Clock, random: () => number, heartbeatMs: number): Line {
    this.#count += 1;
    const line: Line = new Line({
      clock,
      random,
      heartbeatMs,
      number: this.#count,
      latencyMs: () => this.latencyMs(),
      fateOf: (frame) => this.onFrame(frame),
      onEnded: () => this.#lines.delete(line),
    });
    this.#lines.add(line);
    for (const direction of this.#held) line.hold(direction);
    return line;
  }
}
