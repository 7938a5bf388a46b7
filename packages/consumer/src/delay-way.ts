import type { Logger } from '@surehop/core';
import { type Clock, delayWay, errorFields, levelsFor, type Topology } from '@surehop/core/internal';

/** A network that was refused is not asked for again so soon, in milliseconds. */
const refusedForMs = 60_000;

/** Whether failed messages of one queue can wait in the delay network, and what has to stand for it. */
export class DelayWay {
  readonly #queue: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #topologies = new Map<number, Topology>();
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(queue: string, clock: Clock, log: Logger) {
    this.#queue = queue;
    this.#clock = clock;
    this.#log = log;
  }

  /** Undefined while it is refused: by rights, by `verify` for what nobody has declared, or because it stands otherwise. */
  topologyFor(delayMs: number): Topology | undefined {
    if (this.#clock.now() - this.#refusedAt < refusedForMs) return undefined;
    const levels = levelsFor(delayMs);
    const topology = this.#topologies.get(levels) ?? delayWay({ kind: 'queue', name: this.#queue }, delayMs);
    this.#topologies.set(levels, topology);
    return topology;
  }

  onRefused(error: Error): void {
    this.#refusedAt = this.#clock.now();
    const fields = { queue: this.#queue, ...errorFields(error) };
    this.#log.warn(fields, 'the delay network cannot be used: delays are rounded up to those of retry queues');
  }
}
