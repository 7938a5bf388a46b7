import { type Codec, defineExchange, defineQueue } from '@surehop/core';
import { delayWay, exchangeTopology, joined, levelsFor, queueTopology, type Topology } from '@surehop/core/internal';
import type { Delayable, DelayRoute } from './pending.ts';
import type { RawDestination } from './publish-options.ts';

const existing = new WeakSet<Delayable>();

/**
 * Where a delayed message goes that nobody has a contract for: it has to exist, and only the way back to it is declared.
 * Of no use without a delay.
 */
export function existingTarget({ exchange, routingKey }: RawDestination, codec: Codec): Delayable {
  const target =
    exchange === '' ? defineQueue(routingKey, { codec }) : defineExchange(exchange, { type: 'topic', codec });
  existing.add(target);
  return target;
}

/** One route for each contract and size of the network, so that each is declared once. */
export class DelayRoutes {
  readonly #routes = new WeakMap<Delayable, Map<number, DelayRoute>>();

  /** @param delayMs the longest of it, as `levelsFor` counts */
  routeOf(contract: Delayable, delayMs: number): DelayRoute {
    const levels = levelsFor(delayMs);
    const known = this.#routes.get(contract) ?? new Map<number, DelayRoute>();
    this.#routes.set(contract, known);
    const route = known.get(levels) ?? routeOf(contract, delayMs);
    known.set(levels, route);
    return route;
  }
}

function routeOf(contract: Delayable, delayMs: number): DelayRoute {
  const { kind, name } = contract;
  return { kind: `delayed ${kind}`, name, topology: joined(ownOf(contract), delayWay({ kind, name }, delayMs)) };
}

function ownOf(contract: Delayable): Topology {
  const isQueue = contract.kind === 'queue';
  if (!existing.has(contract)) return isQueue ? queueTopology(contract) : exchangeTopology(contract);
  return { exchanges: [], queues: [], bindings: [], existing: isQueue ? [contract.name] : [] };
}
