import type { Broker, BrokerNode, Vhost } from '@surehop/testing';
import type { Role } from './assignment.ts';
import type { PlannedFault } from './schedule.ts';
import { processAt } from './schedule.ts';
import type { Worker } from './worker.ts';

/** What there is to break. */
export interface World {
  readonly broker: Broker;
  readonly vhost: Vhost;
  /** Publishers, then consumers. */
  readonly workers: readonly Worker[];
}

/** Ends a fault. Tried again until it succeeds: what is broken must not stay so. */
export type Heal = () => Promise<void>;

/** Begins a fault. Resolves when it is in effect. */
export type Inject = (world: World, planned: PlannedFault) => Promise<Heal>;

/** For what is over as soon as it has happened. */
export const nothingToHeal: Heal = () => Promise.resolve();

export function nodeOf({ broker }: World, { target }: PlannedFault): BrokerNode {
  return oneOf(broker.nodes, target);
}

export function workerOf(world: World, { target }: PlannedFault, role?: Role): Worker {
  const struck = role === undefined ? processAt(target) : { role, index: target };
  return oneOf(workersOf(world, struck.role), struck.index);
}

export function workersOf({ workers }: World, role: Role): readonly Worker[] {
  return workers.filter((worker) => worker.role === role);
}

function oneOf<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`bug: there is no number ${index} of ${items.length}`);
  return item;
}
