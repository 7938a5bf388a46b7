import type { ExchangeContract, QueueBinding, RetryPolicy } from '@surehop/core';
import { deadLetterName, delayEntrance, retryExchangeName, rungName } from '@surehop/core/internal';
import { duration } from '../progress.ts';
import type { Contracts } from './contract-files.ts';

/** How messages move through what contracts describe, to be drawn. */
export interface Flow {
  /** What publishers publish to and queues bind to; alternates after those that have them. */
  readonly exchanges: readonly FlowNode[];
  readonly families: readonly FlowFamily[];
  /** Bindings into work queues, and exchanges to their alternates. */
  readonly edges: readonly FlowEdge[];
}

export interface FlowFamily {
  readonly work: FlowNode;
  readonly rungs: readonly FlowNode[];
  /** The way back from the rungs; it is there even where there are none. Undefined for a stream. */
  readonly back: FlowNode | undefined;
  /** Undefined for a stream: the broker lays nothing of it aside. */
  readonly deadExchange: FlowNode | undefined;
  readonly deadQueue: FlowNode;
  readonly edges: readonly FlowEdge[];
}

export interface FlowNode {
  /** Unique, and no name: names may hold anything. */
  readonly id: string;
  readonly kind: 'exchange' | 'queue';
  readonly name: string;
  /** What it is, in few words. */
  readonly note: string;
}

export interface FlowEdge {
  readonly from: string;
  readonly to: string;
  readonly label: string;
  /** The broker does it by itself, not the SDK. */
  readonly isByBroker: boolean;
}

export function flowOf({ queues: given, exchanges, streams = [] }: Contracts): Flow {
  const queues = [...new Map(given.map((queue) => [queue.name, queue])).values()];
  const all = new Map<string, ExchangeContract>();
  const add = (exchange: ExchangeContract): void => {
    all.set(exchange.name, exchange);
    if (exchange.alternate !== undefined) add(exchange.alternate);
  };
  for (const exchange of [...exchanges, ...queues.flatMap(({ bindTo }) => bindTo.map((one) => one.exchange))])
    add(exchange);
  const ids = new Map([...all.keys()].map((name, index) => [name, `x${index}`]));
  const idOf = (name: string): string => ids.get(name) ?? name;
  const alternates = [...all.values()].flatMap(({ name, alternate }) =>
    alternate === undefined ? [] : [edge(idOf(name), idOf(alternate.name), 'alternate', true)],
  );
  const bindings = queues.flatMap(({ bindTo }, index) =>
    bindTo.map((binding) => edge(idOf(binding.exchange.name), `q${index}`, bindingText(binding))),
  );
  return {
    exchanges: [...all.values()].map(({ name, type }) => ({
      id: idOf(name),
      kind: 'exchange',
      name,
      note: `${type} exchange`,
    })),
    families: [
      ...queues.map(({ name, retry, type }, index) => familyFlow(`q${index}`, name, type, retry)),
      ...[...new Set(streams.map(({ name }) => name))].map((name, index) => streamFlow(`s${index}`, name)),
    ],
    edges: [...bindings, ...alternates],
  };
}

function familyFlow(id: string, name: string, type: string, { delaysMs, exponential }: RetryPolicy): FlowFamily {
  const [back, deadExchange, deadQueue] = [`${id}b`, `${id}e`, `${id}d`];
  const rungs = delaysMs.map((delayMs, index): FlowNode & { delayMs: number } => ({
    id: `${id}r${index}`,
    kind: 'queue',
    name: rungName(name, delayMs),
    note: `waits ${duration(delayMs)}`,
    delayMs,
  }));
  const growing = exponential && {
    node: { id: `${id}n`, kind: 'exchange', name: delayEntrance, note: 'delay network' } as const,
    edges: [
      edge(id, `${id}n`, 'failure'),
      edge(`${id}n`, id, `tried again, after at most ${duration(exponential.maxMs)}`, true),
    ],
  };
  return {
    work: { id, kind: 'queue', name, note: `work queue, ${type}` },
    rungs: growing === undefined ? rungs.map(({ delayMs: _, ...node }) => node) : [growing.node],
    back: { id: back, kind: 'exchange', name: retryExchangeName(name), note: 'direct exchange, the way back' },
    deadExchange: { id: deadExchange, kind: 'exchange', name: deadLetterName(name), note: 'fanout exchange' },
    deadQueue: { id: deadQueue, kind: 'queue', name: deadLetterName(name), note: 'dead letters' },
    edges: [
      ...rungs.map((rung, index) => edge(id, rung.id, `failure ${index + 1}`)),
      ...rungs.map((rung) => edge(rung.id, back, `after ${duration(rung.delayMs)}`, true)),
      ...(growing?.edges ?? []),
      edge(back, id, 'tried again', true),
      edge(id, deadQueue, rungs.length === 0 && growing === undefined ? 'failed' : 'failed for good'),
      edge(id, deadExchange, 'delivery limit', true),
      edge(back, deadExchange, 'unroutable', true),
      edge(deadExchange, deadQueue, '', true),
    ],
  };
}

/** What fails is tried again in its reader: there are no rungs. */
function streamFlow(id: string, name: string): FlowFamily {
  const dead = `${id}d`;
  return {
    work: { id, kind: 'queue', name, note: 'stream' },
    rungs: [],
    back: undefined,
    deadExchange: undefined,
    deadQueue: { id: dead, kind: 'queue', name: deadLetterName(name), note: 'dead letters' },
    edges: [edge(id, dead, 'failed for good')],
  };
}

function edge(from: string, to: string, label: string, isByBroker = false): FlowEdge {
  return { from, to, label, isByBroker };
}

function bindingText({ routingKey = '', headers = {} }: QueueBinding): string {
  const pairs = Object.entries(headers).map(([key, value]) => `${key}=${String(value)}`);
  return [routingKey, ...pairs].filter((part) => part !== '').join(', ');
}
