import type { Cancel, Outcome, OutgoingMessage, RabbitInternals, Sending } from '@surehop/core/internal';
import { Lane } from './lane.ts';
import type { Declarable } from './pending.ts';

export interface LanesOptions<T> {
  readonly internals: Pick<RabbitInternals, 'publishLink' | 'effects' | 'log' | 'options'>;
  /** Makes the exchange of a contract again. Never rejects; false when that cannot be done. */
  readonly repair: (contract: Declarable) => Promise<boolean>;
  /** The outcome of what came with the item; told once for each. */
  readonly onOutcome: (item: T, outcome: Outcome) => void;
}

/** A lane that nobody uses for so long is closed, in milliseconds; the default exchange's stays. */
const idleMs = 60_000;
/** Beyond so many, the idle lane that was used the longest ago is closed for a new one: channels are not without end. */
const manyLanes = 256;
/** How long the handshake that closes a lane may take, in milliseconds. */
const closeMs = 2_000;

/** The lanes of one publisher: one to the default exchange, one to each other exchange by its name. */
export class Lanes<T> {
  readonly #options: LanesOptions<T>;
  readonly #byExchange = new Map<string, Lane<T>>();
  #cancelIdleCheck: Cancel | undefined;

  constructor(options: LanesOptions<T>) {
    this.#options = options;
  }

  /** The longest time for which a lane has had no confirm although one is due, in milliseconds. */
  get stalledMs(): number {
    return Math.max(0, ...[...this.#byExchange.values()].map(({ stalledMs }) => stalledMs));
  }

  /** As `Lane.send`. */
  send(message: OutgoingMessage, contract: Declarable | undefined, item: T): Sending {
    const lane = this.#byExchange.get(message.exchange) ?? this.#open(message.exchange);
    return lane.send(message, contract, item);
  }

  /** Never rejects. */
  async close(signal: AbortSignal): Promise<void> {
    this.#cancelIdleCheck?.();
    const lanes = [...this.#byExchange.values()];
    this.#byExchange.clear();
    await Promise.all(lanes.map((lane) => lane.close(signal)));
  }

  #open(exchange: string): Lane<T> {
    const { internals, repair, onOutcome } = this.#options;
    if (this.#byExchange.size >= manyLanes) this.#closeOldest();
    const onFallen = (): void => this.#close(exchange, lane);
    const lane: Lane<T> = new Lane<T>({ internals, exchange, repair, onOutcome, onFallen });
    this.#byExchange.set(exchange, lane);
    if (exchange !== '') this.#watchIdle();
    return lane;
  }

  #close(exchange: string, lane: Lane<T>): void {
    if (this.#byExchange.get(exchange) !== lane) return;
    this.#byExchange.delete(exchange);
    void lane.close(this.#options.internals.effects.clock.deadline(closeMs));
  }

  #idle(): [exchange: string, lane: Lane<T>][] {
    return [...this.#byExchange].filter(([exchange, lane]) => exchange !== '' && lane.size === 0);
  }

  #closeOldest(): void {
    const [oldest] = this.#idle().sort(([, one], [, other]) => one.usedAt - other.usedAt);
    if (oldest !== undefined) this.#close(...oldest);
  }

  #watchIdle(): void {
    this.#cancelIdleCheck ??= this.#options.internals.effects.clock.setTimeout(() => {
      this.#cancelIdleCheck = undefined;
      const now = this.#options.internals.effects.clock.now();
      for (const [exchange, lane] of this.#idle()) if (now - lane.usedAt >= idleMs) this.#close(exchange, lane);
      if ([...this.#byExchange.keys()].some((exchange) => exchange !== '')) this.#watchIdle();
    }, idleMs);
  }
}
