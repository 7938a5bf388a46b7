import type { Logger, TopologyMode } from '@surehop/core';
import {
  type Cancel,
  type Clock,
  errorFields,
  exchangeTopology,
  queueTopology,
  type RabbitInternals,
  streamTopology,
  type Topology,
} from '@surehop/core/internal';
import type { Declarable } from './pending.ts';

export interface DeclaredContractsOptions<T> {
  readonly internals: Pick<RabbitInternals, 'topology' | 'effects' | 'log' | 'options'>;
  /** The contract's topology stands; called in the order in which they came. Must not throw. */
  readonly onDeclared: (item: T) => void;
  /** It cannot stand. Must not throw. */
  readonly onFailed: (item: T, error: unknown) => void;
}

/** One first declaration, and who waits for it. */
interface Declaring<T> {
  readonly waiting: Set<T>;
  readonly giveUp: AbortController;
}

/** What is unroutable again so soon after a repair was not for want of one, in milliseconds. */
const repairEveryMs = 1_000;
/**
 * Not at once, in milliseconds: a broker before 4.0 that finds the queue there again before it has told its consumers
 * of the deletion tells them nothing, and hands what comes to nobody.
 */
const repairAfterMs = 300;

/** Declares what each contract needs, once, when it is first published to; and again, when something of it was seen missing. */
export class DeclaredContracts<T> {
  readonly #options: DeclaredContractsOptions<T>;
  readonly #mode: TopologyMode;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #declared = new WeakSet<Declarable>();
  readonly #declaring = new Map<Declarable, Declaring<T>>();
  readonly #repairing = new Map<Declarable, Promise<boolean>>();
  readonly #repairedAt = new WeakMap<Declarable, number>();
  /** Of repairs that are about to begin. */
  readonly #cancelRepair = new Map<Declarable, Cancel>();
  readonly #stop = new AbortController();

  constructor(options: DeclaredContractsOptions<T>) {
    this.#options = options;
    this.#mode = options.internals.options.topology;
    this.#clock = options.internals.effects.clock;
    this.#log = options.internals.log;
  }

  has(contract: Declarable): boolean {
    return this.#mode === 'off' || this.#declared.has(contract);
  }

  /** Waits until the contract's topology stands. All who wait share one attempt, which goes on while one of them waits. */
  wait(contract: Declarable, item: T): void {
    const known = this.#declaring.get(contract);
    if (known !== undefined) {
      known.waiting.add(item);
      return;
    }
    const declaring: Declaring<T> = { waiting: new Set([item]), giveUp: new AbortController() };
    this.#declaring.set(contract, declaring);
    this.#ensure(contract, declaring.giveUp.signal).then(
      () => this.#onDeclared(contract, declaring),
      (error: unknown) => this.#onFailed(contract, declaring, error),
    );
  }

  /** Waits no longer. */
  leave(contract: Declarable, item: T): void {
    const declaring = this.#declaring.get(contract);
    if (declaring === undefined || !declaring.waiting.delete(item) || declaring.waiting.size > 0) return;
    this.#declaring.delete(contract);
    declaring.giveUp.abort();
  }

  /** A message of this contract found no queue: where we declare them, whatever was deleted is made again. */
  onUnroutable(contract: Declarable): void {
    // An exchange that returns messages is there; without an alternate there is nothing else to miss.
    if (this.#mode !== 'declare' || (contract.kind === 'exchange' && contract.alternate === undefined)) return;
    const repairedAt = this.#repairedAt.get(contract) ?? Number.NEGATIVE_INFINITY;
    if (Math.abs(this.#clock.now() - repairedAt) < repairEveryMs || this.#cancelRepair.has(contract)) return;
    const repair = (): void => {
      this.#cancelRepair.delete(contract);
      void this.repair(contract);
    };
    this.#cancelRepair.set(contract, this.#clock.setTimeout(repair, repairAfterMs));
  }

  /** Asserts the contract's topology again. Never rejects; false when it cannot stand. */
  repair(contract: Declarable): Promise<boolean> {
    const running = this.#repairing.get(contract) ?? this.#repair(contract);
    this.#repairing.set(contract, running);
    return running;
  }

  close(): void {
    this.#stop.abort();
    for (const cancel of this.#cancelRepair.values()) cancel();
    for (const { giveUp } of this.#declaring.values()) giveUp.abort();
  }

  async #repair(contract: Declarable): Promise<boolean> {
    try {
      await this.#ensure(contract, this.#stop.signal, true);
      return true;
    } catch (thrown) {
      if (this.#stop.signal.aborted) return false;
      const fields = { [contract.kind]: contract.name, ...errorFields(thrown) };
      this.#log.error(fields, 'a contract’s topology was seen missing and cannot be declared again');
      return false;
    } finally {
      this.#repairing.delete(contract);
      this.#repairedAt.set(contract, this.#clock.now());
    }
  }

  /** Async, so that what is wrong with a contract that nobody defined is a rejection too. */
  async #ensure(contract: Declarable, signal: AbortSignal, again = false): Promise<void> {
    await this.#options.internals.topology.ensure(topologyOf(contract), signal, again);
  }

  #onDeclared(contract: Declarable, declaring: Declaring<T>): void {
    if (!this.#end(contract, declaring)) return;
    this.#declared.add(contract);
    for (const item of declaring.waiting) this.#options.onDeclared(item);
  }

  #onFailed(contract: Declarable, declaring: Declaring<T>, error: unknown): void {
    if (!this.#end(contract, declaring)) return;
    for (const item of declaring.waiting) this.#options.onFailed(item, error);
  }

  /** False for an attempt that everybody has left. */
  #end(contract: Declarable, declaring: Declaring<T>): boolean {
    return this.#declaring.get(contract) === declaring && this.#declaring.delete(contract);
  }
}

function topologyOf(contract: Declarable): Topology {
  switch (contract.kind) {
    case 'queue':
      return queueTopology(contract);
    case 'stream':
      return streamTopology(contract);
    case 'exchange':
      return exchangeTopology(contract);
    case 'delayed queue':
    case 'delayed exchange':
      return contract.topology;
  }
}
