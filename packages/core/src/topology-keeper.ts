import { fullJitter } from './backoff.ts';
import { type Effects, settled, sleep } from './effects.ts';
import { asError, SurehopError } from './errors.ts';
import type { EntityHealth } from './health.ts';
import type { Link } from './link.ts';
import { errorFields, type Logger } from './logger.ts';
import type { ManagementApi } from './management.ts';
import type { TopologyMode } from './options.ts';
import type { Topology } from './topology.ts';
import { TopologyAssertions } from './topology-assertions.ts';
import { TopologyChannels } from './topology-channels.ts';
import { TopologyChecks } from './topology-checks.ts';
import { TopologyComparison } from './topology-comparison.ts';
import { doubt, type Entity } from './topology-entity.ts';
import { TopologyRegistry } from './topology-registry.ts';

export interface TopologyKeeperOptions {
  readonly mode: TopologyMode;
  /** The consuming link: while an alarm lasts, a channel on the publishing one cannot be opened. */
  readonly link: Link;
  readonly effects: Effects;
  readonly log: Logger;
  readonly rpcTimeoutMs: number;
  readonly topologyCheckMs: number;
  readonly management: ManagementApi | undefined;
}

/**
 * Makes and keeps what contracts describe: asserted on every connect and again from time to time. Who wants a topology
 * waits for its own entities and for nobody else's.
 */
export class TopologyKeeper {
  readonly #options: TopologyKeeperOptions;
  readonly #registry = new TopologyRegistry();
  readonly #channels: TopologyChannels;
  readonly #assertions: TopologyAssertions;
  readonly #checks: TopologyChecks;
  readonly #stop = new AbortController();

  constructor(options: TopologyKeeperOptions) {
    this.#options = options;
    const { mode, link, effects, log, rpcTimeoutMs, management } = options;
    const { clock } = effects;
    const registry = this.#registry;
    const comparison = management === undefined ? undefined : new TopologyComparison(management, log);
    this.#channels = new TopologyChannels({ link, clock, rpcTimeoutMs });
    this.#assertions = new TopologyAssertions({
      ...{ mode, link, clock, log, rpcTimeoutMs, comparison },
      channels: this.#channels,
      onCreatedAnew: (entity) => {
        for (const wanted of registry.doubtBindings(entity)) void this.#checks.check(wanted);
      },
      onEndMissing: (binding) => registry.doubtEnds(binding),
    });
    this.#checks = new TopologyChecks({ ...options, registry, assertions: this.#assertions, comparison });
    if (mode !== 'off') this.#checks.start();
  }

  /**
   * Resolves once all of a topology stands in this generation of the link. What may pass (a link that is down, a node
   * that does not answer) is tried again until the signal aborts. It is kept from then on; of one that never stood nothing
   * is declared later.
   *
   * @param again asserts also what was asserted before: something of it was seen missing
   * @throws {SurehopError} SUREHOP_TOPOLOGY_MISMATCH, SUREHOP_ACCESS_REFUSED; else the signal's reason, or, after attempts that failed, an
   *   error of its name with the last failure as its cause
   */
  async ensure(topology: Topology, signal: AbortSignal, again = false): Promise<void> {
    if (this.#options.mode === 'off') return;
    const wanted = this.#registry.want(topology);
    try {
      await this.#ensure(wanted.entities, signal, again);
      wanted.hasStood = true;
    } finally {
      this.#registry.leave(wanted);
    }
  }

  health(): readonly EntityHealth[] {
    return this.#registry.health();
  }

  async close(signal: AbortSignal): Promise<void> {
    this.#stop.abort();
    this.#checks.stop();
    await this.#channels.close(signal);
  }

  async #ensure(entities: readonly Entity[], signal: AbortSignal, again: boolean): Promise<void> {
    if (again) for (const entity of entities) doubt(entity);
    const { clock, random } = this.#options.effects;
    const backoff = fullJitter({ baseMs: 100, maxMs: 2_000, random });
    let failure: Error | undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (failure !== undefined) await sleep(clock, backoff(attempt - 1), signal);
        return await this.#assertAll(entities, signal);
      } catch (thrown) {
        if (thrown instanceof SurehopError || this.#stop.signal.aborted) throw thrown;
        if (signal.aborted) throw failure === undefined ? thrown : abortedAfter(failure, asError(signal.reason));
        failure = asError(thrown);
        this.#options.log.warn(errorFields(failure), 'topology could not be asserted; trying again');
      }
    }
  }

  /** In order, and once more what is doubted meanwhile. */
  async #assertAll(entities: readonly Entity[], signal: AbortSignal): Promise<void> {
    const next = (): Entity | undefined => entities.find((entity) => !this.#assertions.stands(entity));
    for (let entity = next(); entity !== undefined; entity = next()) {
      await this.#options.link.whenOpen(signal);
      await settled(this.#assertions.assert(entity), signal);
    }
  }
}

/** The reason alone would hide why the topology did not stand in time. */
function abortedAfter(failure: Error, reason: Error): Error {
  const error = new Error(`${reason.message}; the topology does not stand: ${failure.message}`, { cause: failure });
  error.name = reason.name;
  return error;
}
