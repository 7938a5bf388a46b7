import { defineQueue } from '@surehop/core';
import { joined, queueTopology, rawQueueTopology, type Topology, waitingTopology } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import { ManagementError } from '../management.ts';
import type { QueueView } from '../management-views.ts';
import type { Contracts } from './contract-files.ts';
import type { Views } from './found.ts';
import { type Leftover, leftoversOf } from './leftovers.ts';
import { type PruneAccess, type Pruned, prune } from './prune.ts';

const before = defineQueue('orders', { retry: { delaysMs: [500, 1_000, 60_000] } });
const now = defineQueue('orders', { retry: { delaysMs: [1_000] } });
const contracts: Contracts = { queues: [now], exchanges: [] };
const none: Contracts = { queues: [], exchanges: [] };

function viewsOf(
  change: (queue: QueueView) => Partial<QueueView> = () => ({}),
  topology: Topology = queueTopology(before),
): Views {
  const { queues, exchanges, bindings } = topology;
  const view = ({ name, arguments: args }: { name: string; arguments: object }): QueueView => {
    const plain: QueueView = {
      name,
      type: 'quorum',
      durable: true,
      auto_delete: false,
      arguments: { ...args },
      messages: 0,
      consumers: 0,
    };
    return { ...plain, ...change(plain) };
  };
  return {
    queues: queues.map(view),
    exchanges: exchanges.map(({ name, type, arguments: args }) => ({
      name,
      type,
      arguments: args,
      durable: true,
      auto_delete: false,
      internal: false,
    })),
    bindings: bindings.map((one) => ({
      source: one.exchange,
      destination: one.queue,
      destination_type: 'queue',
      routing_key: one.routingKey,
    })),
  };
}

const only =
  (name: string, change: Partial<QueueView>) =>
  (queue: QueueView): Partial<QueueView> =>
    queue.name === name ? change : {};
const removable = (found: readonly Leftover[]): string[] =>
  found.filter((one) => one.keptBecause === undefined).map(({ kind, name }) => `${kind} ${name}`);

describe('left over', () => {
  test('are rungs that the contract has no more; the one of a minute stays for RetryLater', () => {
    expect(removable(leftoversOf(contracts, [], viewsOf()).found)).toEqual(['queue orders.retry.500']);
  });

  test.each<[string, Partial<QueueView>]>([
    ['holds messages', { messages: 1 }],
    ['has consumers', { consumers: 1 }],
    ['is not ours', { arguments: { 'x-message-ttl': 500 } }],
    [
      'has another delay than its name says',
      { arguments: { ...viewsOf().queues[2]?.arguments, 'x-message-ttl': 501 } },
    ],
    ['has no counts', { messages: undefined } as never],
  ])('but not a rung that %s', (_what, change) => {
    const { found } = leftoversOf(contracts, [], viewsOf(only('orders.retry.500', change)));
    expect(removable(found)).toEqual([]);
    expect(found).toHaveLength(1);
  });

  test('a family that no contract names is left alone, unless it is named', () => {
    const { found, strangers } = leftoversOf(none, [], viewsOf());
    expect(found).toEqual([]);
    expect(strangers).toEqual(['orders']);
    expect(removable(leftoversOf(none, ['orders'], viewsOf()).found)).toEqual([
      'queue orders.retry.500',
      'queue orders.retry.1000',
      'queue orders.retry.60000',
      'queue orders',
      'queue orders.dead-letter',
      'exchange orders.retry',
      'exchange orders.dead-letter',
    ]);
  });

  test('a waiting queue goes with its family, and keeps it while it holds messages', () => {
    const ordered = joined(queueTopology(now), waitingTopology('orders'));
    const left = (change?: Partial<QueueView>): string[] =>
      removable(leftoversOf(none, ['orders'], viewsOf(change && only('orders.waiting', change), ordered)).found);
    expect(left()).toEqual([
      'queue orders.retry.1000',
      'queue orders.waiting',
      'queue orders',
      'queue orders.dead-letter',
      'exchange orders.retry',
      'exchange orders.dead-letter',
    ]);
    expect(left({ messages: 1 })).toEqual([]);
    expect(left({ arguments: { 'x-dead-letter-exchange': 'orders.dead-letter' } })).toEqual([]);
    expect(leftoversOf(contracts, [], viewsOf(undefined, ordered)).found).toEqual([]);
  });

  test('a contract of before, whose name ends like that of a waiting queue, goes too', () => {
    const old = viewsOf(undefined, rawQueueTopology('mails.waiting', { delaysMs: [] }));
    const work = {
      ...old.queues[0],
      name: 'mails.waiting',
      arguments: { 'x-dead-letter-exchange': 'mails.waiting.dead-letter' },
    };
    const views = { ...old, queues: [...old.queues, work as QueueView] };
    expect(removable(leftoversOf(none, ['mails.waiting'], views).found)).toContain('queue mails.waiting');
  });

  test.each<[string, Views]>([
    ['dead letters', viewsOf(only('orders.dead-letter', { messages: 1 }))],
    ['a consumer', viewsOf(only('orders', { consumers: 1 }))],
    ['an exchange that feeds it', withBinding({ source: 'shop', destination: 'orders' })],
    [
      'another queue behind its dead-letter exchange',
      withBinding({ source: 'orders.dead-letter', destination: 'audit' }),
    ],
    ['an exchange that feeds its own', withBinding({ source: 'shop', destination: 'orders.retry' }, 'exchange')],
    ['an exchange whose alternate it is', withExchange({ 'alternate-exchange': 'orders.dead-letter' })],
    ['another queue that dies into it', withQueue({ 'x-dead-letter-exchange': 'orders.dead-letter' })],
    ['a work queue of somebody else', viewsOf(only('orders', { arguments: { 'x-queue-type': 'quorum' } }))],
  ])('nothing of a family with %s', (_what, views) => {
    expect(removable(leftoversOf(none, ['orders'], views).found)).toEqual([]);
  });
});

describe('pruning', () => {
  test('removes what both looks found removable', async () => {
    const { results, removed } = await run({ gone: [], using: contracts });
    expect(results).toEqual([['orders.retry.500', 'removed']]);
    expect(removed).toEqual(['orders.retry.500']);
  });

  test('keeps what was not removable in the first look', async () => {
    const { removed } = await run({ using: contracts, first: viewsOf(only('orders.retry.500', { messages: 1 })) });
    expect(removed).toEqual([]);
  });

  test('keeps what the second look finds in use', async () => {
    const { results, removed } = await run({
      using: contracts,
      second: viewsOf(only('orders.retry.500', { messages: 1 })),
    });
    expect(results).toEqual([['orders.retry.500', 'kept']]);
    expect(removed).toEqual([]);
  });

  test('keeps what gets a message after the second look', async () => {
    const { results, removed } = await run({ using: contracts, ready: { 'orders.retry.500': 1 } });
    expect(results).toEqual([['orders.retry.500', 'kept']]);
    expect(removed).toEqual([]);
  });

  test('keeps the rest of a family when something of it is kept', async () => {
    const { removed } = await run({ using: none, gone: ['orders'], ready: { orders: 1 } });
    expect(removed).toEqual(['orders.retry.500', 'orders.retry.1000', 'orders.retry.60000']);
  });

  test('lets the broker itself refuse, where it can', async () => {
    const classic = viewsOf(only('orders.retry.500', { type: 'classic' }));
    const { conditional, results } = await run({ using: contracts, first: classic, second: classic, refuse: true });
    expect(conditional).toEqual([true]);
    expect(results).toEqual([['orders.retry.500', 'kept']]);
  });
});

interface Run {
  readonly using: Contracts;
  readonly gone?: readonly string[];
  readonly first?: Views;
  readonly second?: Views;
  readonly ready?: Readonly<Record<string, number>>;
  readonly refuse?: boolean;
}

async function run({ using, gone = [], first = viewsOf(), second = viewsOf(), ready = {}, refuse = false }: Run) {
  const removed: string[] = [];
  const conditional: boolean[] = [];
  const results: [string, Pruned['result']][] = [];
  const access: PruneAccess = {
    look: async () => second,
    ready: async (queue) => ready[queue] ?? 0,
    removeQueue: async (name, isConditional) => {
      conditional.push(isConditional);
      if (refuse) throw new ManagementError('in use', { status: 400 });
      removed.push(name);
      return true;
    },
    removeExchange: async (name) => {
      removed.push(name);
      return true;
    },
  };
  await prune(access, { contracts: using, gone, first: leftoversOf(using, gone, first) }, async ({ name, result }) => {
    results.push([name, result]);
  });
  return { removed, conditional, results };
}

function withBinding(binding: { source: string; destination: string }, type: 'queue' | 'exchange' = 'queue'): Views {
  const views = viewsOf();
  return { ...views, bindings: [...views.bindings, { ...binding, destination_type: type, routing_key: 'x' }] };
}

function withExchange(args: Record<string, string>): Views {
  const views = viewsOf();
  const exchange = { name: 'shop', type: 'topic', durable: true, auto_delete: false, internal: false, arguments: args };
  return { ...views, exchanges: [...views.exchanges, exchange] };
}

function withQueue(args: Record<string, string>): Views {
  const views = viewsOf();
  return { ...views, queues: [...views.queues, { name: 'other', durable: true, auto_delete: false, arguments: args }] };
}
