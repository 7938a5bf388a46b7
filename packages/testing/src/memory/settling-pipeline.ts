import type { BrokerTime } from './broker-time.ts';
import type { Held } from './queue-consumer.ts';

/** How many commands a channel has under way to one quorum queue; further ones wait in the channel, and end with it. */
const inFlightMax = 32;

interface Command {
  readonly held: readonly Held[];
  readonly apply: () => void;
}

/** What a channel tells one quorum queue about deliveries. It takes effect once the queue has written it down. */
export class SettlingPipeline {
  readonly #time: BrokerTime;
  readonly #writeMs: () => number;
  readonly #waiting: Command[] = [];
  #inFlight = 0;

  constructor(time: BrokerTime, writeMs: () => number) {
    this.#time = time;
    this.#writeMs = writeMs;
  }

  send(held: readonly Held[], apply: () => void): void {
    const wait = this.#writeMs();
    if (wait === 0) apply();
    else if (this.#inFlight < inFlightMax) this.#start({ held, apply }, wait);
    else this.#waiting.push({ held, apply });
  }

  /** The channel has ended. Returns what the queue was never told of. */
  end(): readonly Held[] {
    return this.#waiting.splice(0).flatMap(({ held }) => held);
  }

  #start(command: Command, wait: number): void {
    this.#inFlight += 1;
    this.#time.after(wait, () => {
      this.#inFlight -= 1;
      command.apply();
      const next = this.#waiting.shift();
      if (next !== undefined) this.#start(next, this.#writeMs());
    });
  }
}
