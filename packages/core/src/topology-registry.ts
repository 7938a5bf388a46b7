import type { Cancel } from './effects.ts';
import type { EntityHealth } from './health.ts';
import type { Topology } from './topology.ts';
import { doubt, type Entity, entitiesOf, exchangeLabel, queueLabel, sameDeclaration } from './topology-entity.ts';

/** A topology that somebody wants, and how its checks go. */
export interface Wanted {
  /** In the order in which they can be declared; what several topologies name alike is one entity. */
  readonly entities: readonly Entity[];
  /** Callers that wait for it now. */
  waiting: number;
  /** True once a caller got it: it is kept from then on, whoever else fails. */
  hasStood: boolean;
  isChecking: boolean;
  /** Something speaks against it: it is checked once more after the check that runs. */
  isDue: boolean;
  /** Failed checks in a row. */
  failures: number;
  cancelRetry: Cancel | undefined;
}

/** What all contracts of a connection want. */
export class TopologyRegistry {
  readonly #wanted = new Map<string, Wanted>();
  /** By label, what is told by health(): the first description of each. */
  readonly #told = new Map<string, Entity>();
  /** Told at the last check, though nobody wanted them. */
  #oldFaults: readonly Entity[] = [];

  /** What is to be checked. A topology that never stood is its callers' affair: who was refused wants nothing of it made later. */
  get kept(): readonly Wanted[] {
    return [...this.#wanted.values()].filter(({ hasStood }) => hasStood);
  }

  /** A caller waits for a topology, until `leave`. */
  want(topology: Topology): Wanted {
    const key = JSON.stringify(topology);
    const wanted = this.#wanted.get(key) ?? this.#register(topology);
    this.#wanted.set(key, wanted);
    wanted.waiting += 1;
    return wanted;
  }

  /** A caller waits no more. What nobody got and nobody waits for is forgotten, except for a mismatch, which is told on. */
  leave(wanted: Wanted): void {
    wanted.waiting -= 1;
    this.#oldFaults = this.#oldFaults.filter((fault) => !wanted.entities.includes(fault));
    if (wanted.waiting > 0 || wanted.hasStood) return;
    for (const [key, one] of this.#wanted) if (one === wanted) this.#wanted.delete(key);
    const others = this.#entities;
    for (const entity of wanted.entities) if (entity.state !== 'mismatch' && !others.has(entity)) this.#untell(entity);
  }

  /** A check begins: everything kept is to be asserted again, and mismatches that nobody met since the last check are forgotten. */
  onCheck(): void {
    const wanted = this.#entities;
    for (const fault of this.#oldFaults) if (!wanted.has(fault)) this.#untell(fault);
    this.#oldFaults = [...this.#told.values()].filter((entity) => !wanted.has(entity));
    for (const entity of new Set(this.kept.flatMap(({ entities }) => entities))) doubt(entity);
  }

  /** What was deleted took its bindings with it. Returns what has to be checked for it. */
  doubtBindings({ what }: Entity): readonly Wanted[] {
    if (what.kind !== 'queue' && what.kind !== 'exchange') return [];
    const { kind, declaration } = what;
    const bindings = [...this.#entities].filter(
      (entity) => entity.what.kind === 'binding' && entity.what.declaration[kind] === declaration.name,
    );
    for (const binding of bindings) doubt(binding);
    return this.kept.filter(({ entities }) => bindings.some((binding) => entities.includes(binding)));
  }

  /** The exchange and the queue between which a binding lies: one of them is gone. */
  doubtEnds({ what }: Entity): void {
    if (what.kind !== 'binding') return;
    const { exchange, queue } = what.declaration;
    for (const entity of this.#entities) {
      if (entity.label === exchangeLabel(exchange) || entity.label === queueLabel(queue)) doubt(entity);
    }
  }

  health(): readonly EntityHealth[] {
    const states: EntityHealth[] = [];
    for (const { label, what, state, isUnderReplicated } of this.#told.values()) {
      if (state === undefined || (what.kind === 'binding' && state !== 'mismatch')) continue;
      states.push({ entity: label, state: isUnderReplicated && state !== 'mismatch' ? 'under-replicated' : state });
    }
    return states;
  }

  get #entities(): ReadonlySet<Entity> {
    return new Set([...this.#wanted.values()].flatMap(({ entities }) => entities));
  }

  /** A second description of one entity is put to the broker, which says how it differs. */
  #register(topology: Topology): Wanted {
    const others = this.#entities;
    const entities = entitiesOf(topology).map((entity) => {
      const known = this.#told.get(entity.label);
      if (known !== undefined && sameDeclaration(known, entity)) return known;
      if (known === undefined || !others.has(known)) this.#told.set(entity.label, entity);
      return entity;
    });
    const checks = { isChecking: false, isDue: false, failures: 0, cancelRetry: undefined };
    return { entities, waiting: 0, hasStood: false, ...checks };
  }

  #untell(entity: Entity): void {
    if (this.#told.get(entity.label) === entity) this.#told.delete(entity.label);
  }
}
