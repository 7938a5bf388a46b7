import { defineExchange, defineQueue, defineStream, type QueueContract } from '@surehop/core';
import { waitingTopology } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import type { BindingView, ExchangeView, QueueView } from '../management-views.ts';
import { UsageError } from '../usage-error.ts';
import { type Found, foundInViews, type Views } from './found.ts';
import { openItems, type PlanItem, planOf } from './plan.ts';
import { planText } from './plan-text.ts';
import { shortcutFor, stepsFor } from './steps.ts';
import { type Wanted, wantedBy } from './wanted.ts';

const shop = defineExchange('shop', { type: 'topic' });
const orders = defineQueue('orders', {
  retry: { delaysMs: [1_000] },
  bindTo: [{ exchange: shop, routingKey: 'order.*' }],
});
const wanted = wantedBy({ queues: [orders], exchanges: [shop] });
const paint = (_format: unknown, text: string): string => text;

/** As the management API shows what was declared just so. */
function viewsOf(standing: readonly Wanted[]): Views {
  const common = { durable: true, auto_delete: false };
  const queues: QueueView[] = [];
  const exchanges: ExchangeView[] = [];
  const bindings: BindingView[] = [];
  for (const one of standing) {
    if (one.kind === 'queue') queues.push({ name: one.name, arguments: one.arguments, exclusive: false, ...common });
    else if (one.kind === 'exchange') exchanges.push({ ...one, internal: false, ...common });
    else {
      const { exchange: source, queue: destination, routingKey: routing_key, arguments: args } = one;
      bindings.push({ source, destination, destination_type: 'queue', routing_key, arguments: args });
    }
  }
  return { queues, exchanges, bindings };
}

function foundBy(contract: QueueContract): Found {
  return foundInViews(viewsOf(wantedBy({ queues: [contract], exchanges: [shop] })));
}

describe('a plan', () => {
  test('of what stands as wanted has nothing to do', () => {
    const plan = planOf(wanted, foundBy(orders));
    expect(openItems(plan)).toEqual([]);
    expect(plan.surplus).toEqual([]);
  });

  test('of an empty virtual host creates everything, each thing before it is used', () => {
    const plan = planOf(wanted, foundInViews({ queues: [], exchanges: [], bindings: [] }));
    expect(openItems(plan).map(({ label }) => label)).toEqual([
      'exchange "orders.dead-letter"',
      'exchange "orders.retry"',
      'exchange "shop"',
      'queue "orders.dead-letter"',
      'queue "orders"',
      'queue "orders.retry.1000"',
      'binding of exchange "orders.dead-letter" to queue "orders.dead-letter"',
      'binding of exchange "orders.retry" to queue "orders" by "orders"',
      'binding of exchange "shop" to queue "orders" by "order.*"',
    ]);
  });

  test.each<[string, Partial<QueueView>, string]>([
    ['another value', { arguments: { ...argumentsOf('orders'), 'x-delivery-limit': 20 } }, 'x-delivery-limit'],
    ['one that is not wanted', { arguments: { ...argumentsOf('orders'), 'x-max-length': 5 } }, 'x-max-length'],
    ['one that is missing', { arguments: without('x-overflow') }, 'x-overflow'],
    ['a queue that does not survive', { durable: false }, 'durable'],
    ['a queue that goes by itself', { auto_delete: true }, 'auto-delete'],
  ])('tells %s', (_what, change, property) => {
    const views = viewsOf(wanted);
    const queues = views.queues.map((queue) => (queue.name === 'orders' ? { ...queue, ...change } : queue));
    const open = openItems(planOf(wanted, foundInViews({ ...views, queues })));
    expect(open.map(({ label, state }) => [label, state])).toEqual([['queue "orders"', 'differs']]);
    expect(open[0]?.differences.map((difference) => difference.property)).toEqual([property]);
  });

  test('tells an exchange of another type', () => {
    const views = viewsOf(wanted);
    const exchanges = views.exchanges.map((one) => (one.name === 'shop' ? { ...one, type: 'direct' } : one));
    const [open] = openItems(planOf(wanted, foundInViews({ ...views, exchanges })));
    expect(open?.differences).toEqual([{ property: 'type', wanted: 'topic', found: 'direct' }]);
  });

  test('tells a binding that is missing, by key and by headers', () => {
    const byHeaders = defineExchange('h', { type: 'headers' });
    const contract = defineQueue('orders', { bindTo: [{ exchange: byHeaders, headers: { kind: 'a' } }] });
    const views = viewsOf(wantedBy({ queues: [contract], exchanges: [] }));
    const bindings = views.bindings.map((one) => (one.source === 'h' ? { ...one, arguments: { kind: 'b' } } : one));
    const plan = planOf(wantedBy({ queues: [contract], exchanges: [] }), foundInViews({ ...views, bindings }));
    expect(openItems(plan).map(({ label }) => label)).toEqual([
      'binding of exchange "h" to queue "orders" {"kind":"a"}',
    ]);
    expect(plan.surplus).toEqual(['binding of exchange "h" to queue "orders" {"kind":"b"}']);
  });

  test('names old rungs and old bindings, and does nothing about them', () => {
    const before = defineQueue('orders', {
      retry: { delaysMs: [500, 1_000] },
      bindTo: [
        { exchange: shop, routingKey: 'order.*' },
        { exchange: shop, routingKey: 'old' },
      ],
    });
    const plan = planOf(wanted, foundBy(before));
    expect(openItems(plan)).toEqual([]);
    expect(plan.surplus).toEqual(['binding of exchange "shop" to queue "orders" by "old"', 'queue "orders.retry.500"']);
  });

  test('compares the waiting queue of a consumer with orderBy where it stands, and does not miss it', () => {
    const ordered = wantedBy({ queues: [defineQueue('orders', { singleActiveConsumer: true })], exchanges: [] });
    const [queue] = waitingTopology('orders').queues;
    const waiting = (more: object = {}): Wanted => ({
      kind: 'queue',
      name: 'orders.waiting',
      arguments: { ...queue?.arguments, ...more },
    });
    const states = (standing: readonly Wanted[], contracts = ordered): unknown[] =>
      planOf(contracts, foundInViews(viewsOf(standing)))
        .items.filter(({ label }) => label === 'queue "orders.waiting"')
        .map(({ state }) => state);
    expect(states(ordered)).toEqual([]);
    expect(states([...ordered, waiting()])).toEqual(['same']);
    expect(states([...ordered, waiting({ 'x-delivery-limit': 50 })])).toEqual(['differs']);
    // No consumer of this contract can have orderBy: the queue is somebody else's.
    expect(states([...wanted, waiting({ 'x-delivery-limit': 50 })], wanted)).toEqual([]);
  });

  test('without the management API says that nothing was compared, and what is missing', () => {
    const names = (kind: string): string[] =>
      wanted.flatMap((one) => (one.kind === kind ? [(one as { name: string }).name] : []));
    const there = (all: string[]): Map<string, { properties: undefined }> =>
      new Map(all.filter((name) => name !== 'shop').map((name) => [name, { properties: undefined }]));
    const plan = planOf(wanted, {
      by: 'amqp',
      queues: there(names('queue')),
      exchanges: there(names('exchange')),
      bindings: undefined,
    });
    expect(openItems(plan).map(({ label }) => label)).toEqual([
      'exchange "shop"',
      'binding of exchange "shop" to queue "orders" by "order.*"',
    ]);
    expect(planText(plan, { paint })).toContain('not compared: that needs --management-url');
  });
});

describe('what two contracts want', () => {
  test('the same exchange, is wanted once', () => {
    expect(wantedBy({ queues: [orders, orders], exchanges: [shop] })).toEqual(wanted);
  });

  test('the same name differently, is refused', () => {
    const other = defineQueue('orders', { deliveryLimit: 7 });
    expect(() => wantedBy({ queues: [orders, other], exchanges: [] })).toThrow(UsageError);
  });
});

describe('the way to a difference', () => {
  const differing = (
    name: string,
    differences = [{ property: 'x-queue-type', wanted: 'quorum', found: 'classic' }],
  ): PlanItem => ({
    wanted: wanted.find((one) => one.kind !== 'binding' && one.name === name) as Wanted,
    label: name,
    state: 'differs',
    differences,
  });

  test('of a work queue is a new name, and the old one is drained', () => {
    const steps = stepsFor(differing('orders'));
    expect(steps[0]).toContain('under a new name');
    expect(steps.join('\n')).toContain('surehop dlq replay orders.dead-letter --to orders.v2');
    expect(steps.at(-1)).toContain('--gone orders');
  });

  test('of a lower delivery limit may be a policy; of a higher one not', () => {
    const shortcut = (w: string, f: string, name = 'orders'): string | undefined =>
      shortcutFor(differing(name, [{ property: 'x-delivery-limit', wanted: w, found: f }]));
    expect(shortcut('20', '50')).toContain('policy with delivery-limit 20 on "orders" alone');
    expect(shortcut('60', '50')).toBeUndefined();
    expect(shortcut('20', '50', 'orders.dead-letter')).toBeUndefined();
    expect(shortcutFor(differing('orders'))).toBeUndefined();
  });

  test('of a rung is another delay', () => {
    expect(stepsFor(differing('orders.retry.1000'))[0]).toContain('1001 ms');
  });

  test.each(['dead-letter', 'waiting'])(
    'of nothing else deletes a queue before its messages are elsewhere: %s',
    (ending) => {
      const wanted = { kind: 'queue', name: `orders.${ending}`, arguments: {} } as const;
      const steps = stepsFor({ ...differing('orders'), wanted });
      const [moved, deleted] = [`surehop dlq move orders.${ending}`, 'delete it'].map((text) =>
        steps.findIndex((step) => step.includes(text)),
      );
      expect(moved).toBeGreaterThan(-1);
      expect(deleted).toBeGreaterThan(moved as number);
    },
  );
});

function argumentsOf(name: string): Record<string, unknown> {
  return (wanted.find((one) => one.kind === 'queue' && one.name === name) as { arguments: Record<string, unknown> })
    .arguments;
}

function without(argument: string): Record<string, unknown> {
  const { [argument]: _, ...rest } = argumentsOf('orders');
  return rest;
}

describe('a stream', () => {
  const events = defineStream('events', { maxBytes: 8_000_000 });
  const ofEvents = (stream: typeof events): Wanted[] => wantedBy({ queues: [], exchanges: [], streams: [stream] });

  test('is planned with the queue of its dead letters, and compared', () => {
    const found = foundInViews(viewsOf(ofEvents(events)));
    expect(openItems(planOf(ofEvents(events), found))).toEqual([]);
    const nothing = foundInViews({ queues: [], exchanges: [], bindings: [] });
    const missing = openItems(planOf(ofEvents(events), nothing)).map(({ label }) => label);
    expect(missing).toEqual(['queue "events.dead-letter"', 'queue "events"']);
  });

  test('that differs is never to be deleted before it was read', () => {
    const smaller = defineStream('events', { maxBytes: 8_000_000, segmentBytes: 5_000 });
    const [item] = openItems(planOf(ofEvents(smaller), foundInViews(viewsOf(ofEvents(events)))));
    expect(item?.differences).toEqual([
      { property: 'x-stream-max-segment-size-bytes', wanted: '5000', found: '1000000' },
    ]);
    const steps = stepsFor(item as PlanItem);
    expect(steps.at(-1)).toContain('delete "events"');
    expect(steps.join()).toContain('events.v2');
  });
});
