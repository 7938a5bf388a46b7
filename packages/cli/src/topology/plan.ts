import { isDeepStrictEqual } from 'node:util';
import type { HeaderTable } from '@surehop/core';
import { placeOf } from '../family.ts';
import type { Found, FoundBinding, FoundEntity } from './found.ts';
import { bindingLabel, labelOf, standingWaitingQueues, type Wanted, type WantedBinding } from './wanted.ts';

/** What contracts want, against what stands. */
export interface Plan {
  /** Without the management API, nothing is compared. */
  readonly by: Found['by'];
  readonly items: readonly PlanItem[];
  /** What stands beside it and feeds or follows the contracts' queues, though they do not name it. Left alone. */
  readonly surplus: readonly string[];
}

export interface PlanItem {
  readonly wanted: Wanted;
  readonly label: string;
  /** `unknown`: a binding, of which AMQP tells nothing. */
  readonly state: 'same' | 'missing' | 'differs' | 'exists, not compared' | 'unknown';
  /** Empty unless it differs. */
  readonly differences: readonly Difference[];
}

export interface Difference {
  /** An argument (`x-message-ttl`), or `type`, `durable`, `auto-delete`, `exclusive`, `internal`. */
  readonly property: string;
  readonly wanted: string;
  readonly found: string;
}

export function planOf(wanted: readonly Wanted[], found: Found): Plan {
  return {
    by: found.by,
    items: [...wanted, ...standingWaitingQueues(wanted, found.queues)].map((one) => itemOf(one, found)),
    surplus: [...surplusBindings(wanted, found), ...surplusRungs(wanted, found)],
  };
}

/** What would have to be done: created, or changed by hand. */
export function openItems({ items }: Plan): readonly PlanItem[] {
  return items.filter(({ state }) => state === 'missing' || state === 'differs');
}

function itemOf(wanted: Wanted, found: Found): PlanItem {
  const label = labelOf(wanted);
  if (wanted.kind === 'binding') return { wanted, label, state: bindingState(wanted, found), differences: [] };
  const entity: FoundEntity | undefined = (wanted.kind === 'queue' ? found.queues : found.exchanges).get(wanted.name);
  if (entity === undefined) return { wanted, label, state: 'missing', differences: [] };
  if (entity.properties === undefined) return { wanted, label, state: 'exists, not compared', differences: [] };
  const differences = differencesOf(propertiesOf(wanted), entity.properties);
  return { wanted, label, state: differences.length === 0 ? 'same' : 'differs', differences };
}

function propertiesOf(wanted: Exclude<Wanted, WantedBinding>): HeaderTable {
  return wanted.kind === 'queue'
    ? { durable: true, 'auto-delete': false, exclusive: false, ...wanted.arguments }
    : { type: wanted.type, durable: true, 'auto-delete': false, internal: false, ...wanted.arguments };
}

function differencesOf(wanted: HeaderTable, found: HeaderTable): Difference[] {
  return [...new Set([...Object.keys(wanted), ...Object.keys(found)])]
    .filter((property) => !isDeepStrictEqual(wanted[property], found[property]))
    .map((property) => ({ property, wanted: text(wanted[property]), found: text(found[property]) }));
}

function bindingState(wanted: WantedBinding, found: Found): PlanItem['state'] {
  const hasEnds = found.queues.has(wanted.queue) && found.exchanges.has(wanted.exchange);
  if (!hasEnds) return 'missing';
  if (found.bindings === undefined) return 'unknown';
  return found.bindings.some((one) => sameBinding(one, wanted)) ? 'same' : 'missing';
}

function sameBinding(one: FoundBinding, other: FoundBinding): boolean {
  const { exchange, queue, routingKey } = other;
  const isSamePath = one.exchange === exchange && one.queue === queue && one.routingKey === routingKey;
  return isSamePath && isDeepStrictEqual({ ...one.arguments }, { ...other.arguments });
}

/** A binding that was taken out of a contract goes on feeding its queue. */
function surplusBindings(wanted: readonly Wanted[], { bindings = [] }: Found): string[] {
  const queues = new Set(wanted.flatMap((one) => (one.kind === 'queue' ? [one.name] : [])));
  const named = wanted.filter((one) => one.kind === 'binding');
  return bindings
    .filter((one) => queues.has(one.queue) && !named.some((binding) => sameBinding(one, binding)))
    .map(bindingLabel);
}

/** Rungs of a ladder that was changed: they empty themselves. */
function surplusRungs(wanted: readonly Wanted[], { queues }: Found): string[] {
  const names = new Set(wanted.flatMap((one) => (one.kind === 'queue' ? [one.name] : [])));
  return [...queues.keys()]
    .filter((name) => !names.has(name) && placeOf(name).role === 'rung' && names.has(placeOf(name).family))
    .map((name) => `queue "${name}"`);
}

function text(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
