import type { Cancel, Clock } from '@surehop/core/internal';

export type FrameDirection = 'to-broker' | 'to-client';

/** One AMQP frame (a method with what belongs to it), for who decides on its fate. */
export interface FrameInfo {
  readonly direction: FrameDirection;
  /** Counts the connections of a network from 1. */
  readonly line: number;
  /** Counts the frames of a connection and direction from 1. */
  readonly sequence: number;
  /** For example `basic.publish`. */
  readonly method: string;
  /** 0 is the connection itself. */
  readonly channel: number;
}

/**
 * `reset`: both sides lose the connection, and the frame. `hold`: this direction is silent from here on. `onRead`: it passes,
 * and the moment at which its receiver has read it is told, before anything comes of that.
 */
export type FrameFate = 'pass' | 'reset' | 'hold' | { readonly onRead: () => void };

/** The two ends of a connection. */
export interface LineEnd {
  /** The other side is gone. `reset` comes out of the blue, `closed` after everything that was sent before. */
  onGone(how: 'reset' | 'closed'): void;
  /** Nothing has come for more than two heartbeats. */
  onSilence(): void;
}

export interface LineOptions {
  readonly clock: Clock;
  readonly number: number;
  readonly heartbeatMs: number;
  readonly random: () => number;
  readonly latencyMs: () => number;
  readonly fateOf: (frame: FrameInfo) => FrameFate;
  readonly onEnded: () => void;
}

interface Parcel {
  readonly at: number;
  readonly deliver: () => void;
  /** What arrives after it. */
  next: Parcel | undefined;
}

/** One direction of a connection: what is sent arrives in order, later. */
class Lane {
  first: Parcel | undefined;
  last: Parcel | undefined;
  sequence = 0;
  lastAt = 0;
  /** Nothing is read before. */
  pausedUntil = 0;
  isHeld = false;
  /** Its sender has ended it. */
  isEnded = false;
  cancelArrival: Cancel | undefined;
  cancelWatch: Cancel | undefined;

  push(parcel: Parcel): void {
    if (this.last === undefined) this.first = parcel;
    else this.last.next = parcel;
    this.last = parcel;
  }

  dropFirst(): void {
    this.first = this.first?.next;
    if (this.first === undefined) this.last = undefined;
  }

  clear(): void {
    this.first = undefined;
    this.last = undefined;
  }
}

/**
 * One TCP connection. A direction that is held keeps what is sent, as TCP does while a route is down, until it is
 * released; the other side notices by its heartbeat.
 */
export class Line {
  readonly #options: LineOptions;
  readonly #lanes: Readonly<Record<FrameDirection, Lane>> = { 'to-broker': new Lane(), 'to-client': new Lane() };
  #ends: Readonly<Record<FrameDirection, LineEnd>> | undefined;
  #isOver = false;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** @param ends who receives, by direction */
  connect(ends: Readonly<Record<FrameDirection, LineEnd>>): void {
    this.#ends = ends;
  }

  send(direction: FrameDirection, channel: number, method: string, deliver: () => void): void {
    const lane = this.#lanes[direction];
    if (this.#isOver || lane.isEnded) return;
    lane.sequence += 1;
    const { number, fateOf } = this.#options;
    const fate = fateOf({ direction, line: number, sequence: lane.sequence, method, channel });
    if (fate === 'hold') this.hold(direction);
    if (fate === 'reset') this.reset();
    else this.#post(lane, typeof fate === 'string' ? deliver : () => readBy(deliver, fate.onRead));
  }

  /** Both sides lose it. What is on its way does not arrive. */
  reset(): void {
    if (this.#isOver) return;
    const ends = this.#ends;
    this.#end();
    this.#options.clock.defer(() => {
      ends?.['to-broker'].onGone('reset');
      ends?.['to-client'].onGone('reset');
    });
  }

  /** One side ends it: the other one learns of it after what was sent before. Nothing comes to this side any more. */
  endFrom(side: 'client' | 'broker'): void {
    if (this.#isOver) return;
    const [out, back] =
      side === 'client' ? (['to-broker', 'to-client'] as const) : (['to-client', 'to-broker'] as const);
    const lane = this.#lanes[out];
    if (lane.isEnded) return;
    this.#post(lane, () => {
      const end = this.#ends?.[out];
      this.#end();
      end?.onGone('closed');
    });
    lane.isEnded = true;
    this.#quieten(this.#lanes[back]);
    if (this.#lanes[back].isEnded) this.#end();
  }

  /** Nothing arrives in this direction until it is released. */
  hold(direction: FrameDirection): void {
    const lane = this.#lanes[direction];
    if (lane.isHeld || this.#isOver) return;
    lane.isHeld = true;
    lane.cancelArrival?.();
    this.watch(direction);
  }

  release(): void {
    for (const direction of ['to-broker', 'to-client'] as const) {
      const lane = this.#lanes[direction];
      if (!lane.isHeld) continue;
      lane.isHeld = false;
      this.unwatch(direction);
      this.#arm(lane);
    }
  }

  /** From now on nothing is heard in this direction: not even a heartbeat. */
  watch(direction: FrameDirection): void {
    const { heartbeatMs, clock, random } = this.#options;
    const lane = this.#lanes[direction];
    if (heartbeatMs === 0 || lane.cancelWatch !== undefined) return;
    lane.cancelWatch = clock.setTimeout(() => this.#ends?.[direction].onSilence(), heartbeatMs * (2 + random()));
  }

  unwatch(direction: FrameDirection): void {
    const lane = this.#lanes[direction];
    if (lane.isHeld) return;
    lane.cancelWatch?.();
    lane.cancelWatch = undefined;
  }

  /** The client reads nothing for so many milliseconds; what came meanwhile arrives after them, in one piece. */
  pauseReading(forMs: number): void {
    const lane = this.#lanes['to-client'];
    const now = this.#options.clock.now();
    if (lane.pausedUntil > now) return;
    lane.pausedUntil = now + forMs;
    this.#arm(lane);
  }

  #post(lane: Lane, deliver: () => void): void {
    const at = Math.max(lane.lastAt, this.#options.clock.now() + this.#options.latencyMs());
    lane.lastAt = at;
    lane.push({ at, deliver, next: undefined });
    if (lane.first === lane.last) this.#arm(lane);
  }

  #arm(lane: Lane): void {
    const { first } = lane;
    if (first === undefined || lane.isHeld || this.#isOver) return;
    const { clock } = this.#options;
    lane.cancelArrival?.();
    const at = Math.max(first.at, lane.pausedUntil);
    lane.cancelArrival = clock.setTimeout(() => this.#arrive(lane), at - clock.now());
  }

  /** What has the same time arrives in one piece, as from one read of a socket. */
  #arrive(lane: Lane): void {
    const now = this.#options.clock.now();
    while (!this.#isOver && !lane.isHeld) {
      const { first } = lane;
      if (first === undefined || first.at > now) break;
      lane.dropFirst();
      first.deliver();
    }
    this.#arm(lane);
  }

  #quieten(lane: Lane): void {
    lane.clear();
    lane.cancelArrival?.();
    lane.cancelWatch?.();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const lane of Object.values(this.#lanes)) this.#quieten(lane);
    this.#options.onEnded();
  }
}

function readBy(deliver: () => void, onRead: () => void): void {
  deliver();
  onRead();
}
