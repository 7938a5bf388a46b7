import { isDeepStrictEqual } from 'node:util';
import type { HeaderTable } from '@surehop/core';
import {
  exchangeTopology,
  queueTopology,
  streamTopology,
  type Topology,
  waitingTopology,
} from '@surehop/core/internal';
import { placeOf } from '../family.ts';
import { UsageError } from '../usage-error.ts';
import type { Contracts } from './contract-files.ts';

/** What contracts want to stand, each thing once. */
export type Wanted = WantedExchange | WantedQueue | WantedBinding;

export interface WantedExchange {
  readonly kind: 'exchange';
  readonly name: string;
  readonly type: 'direct' | 'fanout' | 'topic' | 'headers';
  readonly arguments: HeaderTable;
}

export interface WantedQueue {
  readonly kind: 'queue';
  readonly name: string;
  readonly arguments: HeaderTable;
}

export interface WantedBinding {
  readonly kind: 'binding';
  readonly exchange: string;
  readonly queue: string;
  readonly routingKey: string;
  readonly arguments: HeaderTable;
}

/**
 * In the order in which it can be declared.
 *
 * @throws {UsageError} two contracts want the same thing differently
 */
export function wantedBy(contracts: Contracts): Wanted[] {
  const { queues, exchanges, streams = [] } = contracts;
  const topologies = [...queues.map(queueTopology), ...exchanges.map(exchangeTopology), ...streams.map(streamTopology)];
  const wanted = new Map<string, Wanted>();
  for (const one of [
    ...topologies.flatMap(exchangesIn),
    ...topologies.flatMap(queuesIn),
    ...topologies.flatMap(bindingsIn),
  ]) {
    const label = labelOf(one);
    const before = wanted.get(label);
    if (before !== undefined && !isDeepStrictEqual(before, one)) {
      throw new UsageError(`two contracts want ${label} differently: give them one definition, or other names`);
    }
    wanted.set(label, one);
  }
  return [...wanted.values()];
}

/** What consumers with `orderBy` declare beside what is wanted. Whether there are any, no contract tells. */
export function possibleWaitingQueues(wanted: readonly Wanted[]): WantedQueue[] {
  return wanted.flatMap((one) => {
    if (one.kind !== 'queue' || placeOf(one.name).role !== 'work') return [];
    return one.arguments['x-single-active-consumer'] === true ? queuesIn(waitingTopology(one.name)) : [];
  });
}

/** Those of them that stand: so there are such consumers, or were. */
export function standingWaitingQueues(
  wanted: readonly Wanted[],
  queues: { readonly has: (name: string) => boolean },
): WantedQueue[] {
  return possibleWaitingQueues(wanted).filter(({ name }) => queues.has(name));
}

/** Kind and name, unique: `queue "orders"`. */
export function labelOf(one: Wanted): string {
  return one.kind === 'binding' ? bindingLabel(one) : `${one.kind} "${one.name}"`;
}

export function bindingLabel({ exchange, queue, routingKey, arguments: args }: Omit<WantedBinding, 'kind'>): string {
  const headers = Object.keys(args).length === 0 ? '' : ` ${JSON.stringify(args)}`;
  const key = routingKey === '' ? '' : ` by "${routingKey}"`;
  return `binding of exchange "${exchange}" to queue "${queue}"${key}${headers}`;
}

function exchangesIn({ exchanges }: Topology): Wanted[] {
  return exchanges.map(({ name, type, arguments: args }) => ({ kind: 'exchange', name, type, arguments: args }));
}

function queuesIn({ queues }: Topology): WantedQueue[] {
  return queues.map(({ name, arguments: args }) => ({ kind: 'queue', name, arguments: args }));
}

function bindingsIn({ bindings }: Topology): Wanted[] {
  return bindings.map(({ exchange, queue, routingKey, arguments: args }) => ({
    kind: 'binding',
    exchange,
    queue,
    routingKey,
    arguments: args,
  }));
}
