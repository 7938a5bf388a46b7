import { fullJitter } from './backoff.ts';
import type { Cancel, Effects } from './effects.ts';
import { SurehopError } from './errors.ts';
import type { Link } from './link.ts';
import { errorFields, type Logger } from './logger.ts';
import type { TopologyAssertions } from './topology-assertions.ts';
import type { TopologyComparison } from './topology-comparison.ts';
import type { TopologyRegistry, Wanted } from './topology-registry.ts';

export interface TopologyChecksOptions {
  readonly link: Link;
  readonly effects: Effects;
  readonly log: Logger;
  readonly topologyCheckMs: number;
  readonly registry: TopologyRegistry;
  readonly assertions: TopologyAssertions;
  readonly comparison: TopologyComparison | undefined;
}

/** Asserts everything again after each reconnect and from time to time, each topology by itself: none waits for another. */
export class TopologyChecks {
  readonly #options: TopologyChecksOptions;
  readonly #stop = new AbortController();
  #cancel: Cancel | undefined;

  constructor(options: TopologyChecksOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.link.onStateChange((now) => {
      if (now.phase === 'open' && now.generation > 1) this.#checkIn(0);
    });
    this.#checkLater();
  }

  stop(): void {
    this.#stop.abort();
    this.#cancel?.();
    for (const { cancelRetry } of this.#options.registry.kept) cancelRetry?.();
  }

  /** Asserts what does not stand of one topology, until there is nothing more to assert. Never rejects. */
  async check(wanted: Wanted): Promise<void> {
    wanted.isDue = true;
    if (wanted.isChecking) return;
    wanted.cancelRetry?.();
    wanted.isChecking = true;
    let stands = true;
    while (wanted.isDue && !this.#stop.signal.aborted) {
      wanted.isDue = false;
      stands = await this.#assertAll(wanted);
    }
    wanted.isChecking = false;
    wanted.failures = stands ? 0 : wanted.failures + 1;
    if (stands || this.#stop.signal.aborted) return;
    const { clock, random } = this.#options.effects;
    const backoff = fullJitter({ baseMs: 500, maxMs: 10_000, random });
    wanted.cancelRetry = clock.setTimeout(() => void this.check(wanted), 500 + backoff(wanted.failures));
  }

  #checkLater(): void {
    const { topologyCheckMs, effects } = this.#options;
    this.#checkIn(topologyCheckMs * (0.8 + 0.4 * effects.random()));
  }

  #checkIn(delayMs: number): void {
    this.#cancel?.();
    if (!this.#stop.signal.aborted)
      this.#cancel = this.#options.effects.clock.setTimeout(() => this.#checkAll(), delayMs);
  }

  #checkAll(): void {
    const { registry, comparison } = this.#options;
    comparison?.onCheck();
    registry.onCheck();
    for (const wanted of registry.kept) void this.check(wanted);
    const entities = new Set(registry.kept.flatMap((wanted) => wanted.entities));
    void comparison?.noteReplication([...entities]);
    this.#checkLater();
  }

  /** One entity's failure does not keep the others from it. False when one of them has to be tried again. */
  async #assertAll({ entities }: Wanted): Promise<boolean> {
    const { link, assertions, log } = this.#options;
    let stands = true;
    for (const entity of entities) {
      if (assertions.stands(entity)) continue;
      try {
        await link.whenOpen(this.#stop.signal);
        await assertions.assert(entity);
      } catch (thrown) {
        if (this.#stop.signal.aborted) return true;
        // What waiting does not mend is told by health(), and asked again by the next check.
        if (thrown instanceof SurehopError) continue;
        stands = false;
        log.warn({ entity: entity.label, ...errorFields(thrown) }, 'topology could not be checked; trying again');
      }
    }
    return stands;
  }
}
