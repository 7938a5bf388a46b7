import type { Cancel, Clock, Driver, Effects } from '@surehop/core/internal';
import { type FrameFate, type FrameInfo, type MemoryBroker, MemoryNetwork } from '@surehop/testing/internal';
import { observed } from './observed-driver.ts';
import type { Observer } from './observer.ts';
import { settlePromises } from './promises.ts';
import { type Random, stream } from './random.ts';

export interface SimulatedProcessOptions {
  readonly name: string;
  readonly seed: number;
  readonly clock: Clock;
  readonly broker: MemoryBroker;
  /** The longest that a frame is on its way, in milliseconds. */
  readonly latencyMs: number;
  readonly observer: Observer;
  /** Told of each frame, with its fate. */
  readonly onFrame?: (frame: FrameInfo, fate: FrameFate) => void;
}

/** One for all: they are made by the million, and each would look where it comes from. */
const timedOut = new DOMException('timed out', 'TimeoutError');

export function passes(): FrameFate {
  return 'pass';
}

/** A process that can be killed or held up: what it scheduled happens late or never, and has no effect any more. */
export class SimulatedProcess {
  readonly name: string;
  readonly observer: Observer;
  readonly effects: Effects;
  readonly driver: Driver;
  readonly network: MemoryNetwork;
  readonly random: Random;
  /** Decides about each frame. */
  fateOf: (frame: FrameInfo) => FrameFate = passes;
  #isAlive = true;
  /** What has become due while its event loop is blocked; undefined while it is not. */
  #backlog: (() => void)[] | undefined;
  #stepsLeft: number | undefined;
  #onLastStep: () => void = () => undefined;
  #timers = 0;
  #ids = 0;

  constructor({ name, seed, clock, broker, latencyMs, observer, onFrame }: SimulatedProcessOptions) {
    this.name = name;
    this.observer = observer;
    this.random = stream(seed, name);
    const latency = stream(seed, `${name} latency`);
    this.network = new MemoryNetwork({ latencyMs: () => Math.floor(latency() * (latencyMs + 1)) });
    this.network.onFrame = (frame) => {
      const fate = this.fateOf(frame);
      onFrame?.(frame, fate);
      return fate;
    };
    const driver = broker.driver(this.network);
    this.driver = observed(
      { dial: (target, signal) => (this.#isAlive ? driver.dial(target, signal) : new Promise(() => undefined)) },
      observer,
    );
    this.effects = {
      clock: this.#clockOver(clock),
      random: this.random,
      newId: () => {
        this.#ids += 1;
        return `${name}-${this.#ids}`;
      },
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Callbacks that are scheduled, those of deadlines not counted: nobody can take them back. */
  get timers(): number {
    return this.#timers;
  }

  /** As by SIGKILL: the broker sees its sockets end. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.observer.end();
    this.fateOf = passes;
    this.network.heal();
    this.network.cut();
  }

  /** After so many more of its callbacks; undefined: never mind. */
  atStep(after: number | undefined, callback: () => void = () => undefined): void {
    this.#stepsLeft = after;
    this.#onLastStep = callback;
  }

  /** As by a long computation: timers and sockets have to wait. */
  block(): void {
    this.#backlog ??= [];
    this.network.blackhole();
  }

  unblock(): void {
    const backlog = this.#backlog ?? [];
    this.#backlog = undefined;
    for (const callback of backlog) {
      this.#step(callback);
      // As between two timers of an event loop: what a first one ends has ended when a second one looks.
      settlePromises();
    }
    this.network.heal();
  }

  #step(callback: () => void): void {
    if (!this.#isAlive) return;
    if (this.#backlog !== undefined) {
      this.#backlog.push(callback);
      return;
    }
    callback();
    if (this.#stepsLeft === undefined) return;
    this.#stepsLeft -= 1;
    if (this.#stepsLeft > 0) return;
    this.#stepsLeft = undefined;
    this.#onLastStep();
  }

  #clockOver(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      epochMs: () => clock.epochMs(),
      setTimeout: (callback, delayMs) => this.#schedule(clock, callback, delayMs),
      defer: (callback) => void this.#schedule(clock, callback, 0),
      deadline: (delayMs) => {
        const controller = new AbortController();
        const abort = (): void => controller.abort(timedOut);
        clock.setTimeout(() => this.#step(abort), delayMs);
        return controller.signal;
      },
    };
  }

  #schedule(clock: Clock, callback: () => void, delayMs: number): Cancel {
    let isOver = false;
    const due = (): void => {
      if (isOver) return; // cancelled while the event loop was blocked
      isOver = true;
      this.#timers -= 1;
      callback();
    };
    this.#timers += 1;
    const cancel = clock.setTimeout(() => this.#step(due), delayMs);
    return () => {
      if (isOver) return;
      isOver = true;
      this.#timers -= 1;
      cancel();
    };
  }
}
