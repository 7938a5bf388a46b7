import type { Clock, Driver, Effects } from '@surehop/core/internal';
import { type MemoryBroker, MemoryNetwork } from '@surehop/testing/internal';
import type { Random } from './random.ts';

/** A process that can be killed: what it scheduled never happens, and nothing that it still does has an effect. */
export class SimulatedProcess {
  readonly effects: Effects;
  readonly driver: Driver;
  readonly network: MemoryNetwork;
  #isAlive = true;
  #ids = 0;

  constructor(name: string, clock: Clock, random: Random, broker: MemoryBroker, latencyMs: () => number) {
    this.network = new MemoryNetwork({ latencyMs });
    const driver = broker.driver(this.network);
    this.driver = {
      dial: (target, signal) => (this.#isAlive ? driver.dial(target, signal) : new Promise(() => undefined)),
    };
    const owned = (callback: () => void) => (): void => {
      if (this.#isAlive) callback();
    };
    this.effects = {
      clock: {
        now: () => clock.now(),
        epochMs: () => clock.epochMs(),
        setTimeout: (callback, delayMs) => clock.setTimeout(owned(callback), delayMs),
        defer: (callback) => clock.defer(owned(callback)),
        deadline(delayMs) {
          const controller = new AbortController();
          clock.setTimeout(
            owned(() => controller.abort(new DOMException('timed out', 'TimeoutError'))),
            delayMs,
          );
          return controller.signal;
        },
      },
      random,
      newId: () => {
        this.#ids += 1;
        return `${name}-${this.#ids}`;
      },
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** As by SIGKILL: the broker sees its sockets end. */
  kill(): void {
    this.#isAlive = false;
    this.network.heal();
    this.network.cut();
  }
}
