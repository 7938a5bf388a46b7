import { describe, expect, test } from 'vitest';
import { defineExchange, defineQueue, exponential } from './contract.ts';
import {
  exchangeTopology,
  queueTopology,
  rawQueueTopology,
  rungTopology,
  smallestRung,
  type Topology,
  waitingTopology,
} from './topology.ts';

const retry = { delaysMs: [1_000, 10_000] };

function rung(queue: string, delayMs: number): unknown {
  return {
    name: `${queue}.retry.${delayMs}`,
    arguments: {
      'x-queue-type': 'quorum',
      'x-message-ttl': delayMs,
      'x-dead-letter-exchange': `${queue}.retry`,
      'x-dead-letter-routing-key': queue,
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    },
  };
}

const around = {
  exchanges: [
    { name: 'orders.dead-letter', type: 'fanout', arguments: {} },
    { name: 'orders.retry', type: 'direct', arguments: { 'alternate-exchange': 'orders.dead-letter' } },
  ],
  deadLetters: {
    name: 'orders.dead-letter',
    arguments: { 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish', 'x-delivery-limit': 2_147_483_647 },
  },
  bindings: [
    { exchange: 'orders.dead-letter', queue: 'orders.dead-letter', routingKey: '', arguments: {} },
    { exchange: 'orders.retry', queue: 'orders', routingKey: 'orders', arguments: {} },
  ],
};

describe('queueTopology()', () => {
  // An argument that changes here cannot be declared over what stands on brokers already: every upgrade would meet a 406.
  test('a quorum queue, its rungs and its dead-letter queue have exactly these arguments', () => {
    expect(queueTopology(defineQueue('orders', { retry }))).toEqual({
      exchanges: around.exchanges,
      queues: [
        around.deadLetters,
        {
          name: 'orders',
          arguments: {
            'x-queue-type': 'quorum',
            'x-dead-letter-exchange': 'orders.dead-letter',
            'x-dead-letter-strategy': 'at-least-once',
            'x-overflow': 'reject-publish',
            'x-delivery-limit': 50,
          },
        },
        rung('orders', 1_000),
        rung('orders', 10_000),
      ],
      bindings: around.bindings,
      existing: [],
    });
  });

  test('a queue with a single active consumer has one argument more, whatever its type', () => {
    for (const type of ['quorum', 'classic'] as const) {
      const argumentsOf = (singleActiveConsumer: boolean) =>
        queueTopology(defineQueue('orders', { type, singleActiveConsumer })).queues[1]?.arguments;
      expect(argumentsOf(true)).toEqual({ ...argumentsOf(false), 'x-single-active-consumer': true });
      expect(argumentsOf(false)).not.toHaveProperty('x-single-active-consumer');
    }
  });

  test('[type] classic makes only the work queue classic, without the arguments that it refuses', () => {
    const { queues } = queueTopology(defineQueue('orders', { retry, type: 'classic' }));
    expect(queues).toEqual([
      around.deadLetters,
      {
        name: 'orders',
        arguments: {
          'x-queue-type': 'classic',
          'x-dead-letter-exchange': 'orders.dead-letter',
          'x-overflow': 'reject-publish',
        },
      },
      rung('orders', 1_000),
      rung('orders', 10_000),
    ]);
  });

  test('[deliveryLimit] is an argument of the work queue', () => {
    const { queues } = queueTopology(defineQueue('orders', { retry, deliveryLimit: 7 }));
    expect(queues[1]?.arguments).toMatchObject({ 'x-delivery-limit': 7 });
  });

  test('[retry] by the broker is three more arguments of the work queue, and no rung', () => {
    const { queues } = queueTopology(defineQueue('orders', { retry: { by: 'broker', minMs: 500, maxMs: 2_000 } }));
    expect(queues.map(({ name }) => name)).toEqual(['orders.dead-letter', 'orders']);
    expect(queues[1]?.arguments).toMatchObject({
      'x-delayed-retry-type': 'failed',
      'x-delayed-retry-min': 500,
      'x-delayed-retry-max': 2_000,
    });
  });

  test('[retry] exponential is the delay network, as far as its longest wait needs it, and the way back', () => {
    const { queues, bindings } = queueTopology(defineQueue('orders', { retry: exponential({ maxMs: 60_000 }) }));
    expect(queues.filter(({ name }) => name.startsWith('surehop.delay.v1.level.'))).toHaveLength(10);
    expect(bindings.at(-1)).toMatchObject({ exchange: 'surehop.delay.v1.queues', queue: 'orders' });
  });

  test('[retry] without delays there are no rungs, but still the way back for a RetryLater', () => {
    const topology = queueTopology(defineQueue('orders', { retry: { delaysMs: [] } }));
    expect(topology.queues.map(({ name }) => name)).toEqual(['orders.dead-letter', 'orders']);
    expect(topology.exchanges).toEqual(around.exchanges);
  });

  test('[bindTo] declares each exchange once, after its alternates, and binds to it last', () => {
    const lost = defineExchange('lost', { type: 'fanout' });
    const events = defineExchange('events', { type: 'topic', alternate: lost });
    const regions = defineExchange('regions', { type: 'headers' });
    const headers = { 'x-match': 'all', region: 'eu' };
    const topology = queueTopology(
      defineQueue('orders', {
        retry,
        bindTo: [
          { exchange: events, routingKey: 'order.placed' },
          { exchange: events, routingKey: 'order.paid' },
          { exchange: regions, headers },
          { exchange: lost },
        ],
      }),
    );
    expect(topology.exchanges.slice(2)).toEqual([
      { name: 'lost', type: 'fanout', arguments: {} },
      { name: 'events', type: 'topic', arguments: { 'alternate-exchange': 'lost' } },
      { name: 'regions', type: 'headers', arguments: {} },
    ]);
    expect(topology.bindings.slice(2)).toEqual([
      { exchange: 'events', queue: 'orders', routingKey: 'order.placed', arguments: {} },
      { exchange: 'events', queue: 'orders', routingKey: 'order.paid', arguments: {} },
      { exchange: 'regions', queue: 'orders', routingKey: '', arguments: headers },
      { exchange: 'lost', queue: 'orders', routingKey: '', arguments: {} },
    ]);
  });

  test('every thing that is used stands before it in the order of declaration', () => {
    const lost = defineExchange('lost', { type: 'fanout' });
    const events = defineExchange('events', { type: 'topic', alternate: lost });
    const contract = defineQueue('orders', { bindTo: [{ exchange: events, routingKey: 'a' }] });
    expect(unmet(queueTopology(contract))).toEqual([]);
  });
});

/** Names that are used before, or without, being declared. */
function unmet({ exchanges, queues, bindings }: Topology): unknown[] {
  const known = new Set<unknown>();
  const missing: unknown[] = [];
  const need = (name: unknown): void => {
    if (name !== undefined && !known.has(name)) missing.push(name);
  };
  for (const { name, arguments: given } of exchanges) {
    need(given['alternate-exchange']);
    known.add(name);
  }
  for (const { name, arguments: given } of queues) {
    need(given['x-dead-letter-exchange']);
    known.add(name);
  }
  for (const { exchange, queue } of bindings) {
    need(exchange);
    need(queue);
  }
  return missing;
}

test('a publisher to an exchange declares it and its alternates, and no queue', () => {
  const lost = defineExchange('lost', { type: 'fanout' });
  expect(exchangeTopology(defineExchange('events', { type: 'topic', alternate: lost }))).toEqual({
    exchanges: [
      { name: 'lost', type: 'fanout', arguments: {} },
      { name: 'events', type: 'topic', arguments: { 'alternate-exchange': 'lost' } },
    ],
    queues: [],
    bindings: [],
    existing: [],
  });
});

describe('rawQueueTopology()', () => {
  test('declares everything around a queue, and never the queue itself', () => {
    expect(rawQueueTopology('orders', retry)).toEqual({
      exchanges: around.exchanges,
      queues: [around.deadLetters, rung('orders', 1_000), rung('orders', 10_000)],
      bindings: around.bindings,
      existing: ['orders'],
    });
  });

  test('refuses a queue from whose name none can be derived', () => {
    expect(() => rawQueueTopology('a'.repeat(250), retry)).toThrow(
      expect.objectContaining({ code: 'SUREHOP_OPTION_INVALID' }),
    );
  });
});

test('one more rung is the rung alone', () => {
  expect(rungTopology('orders', 60_000)).toEqual({
    exchanges: [],
    queues: [rung('orders', 60_000)],
    bindings: [],
    existing: [],
  });
});

// As above: an argument that changes cannot be declared over what stands.
test('the waiting queue is the queue alone, with exactly these arguments', () => {
  expect(waitingTopology('orders')).toEqual({
    exchanges: [],
    queues: [
      {
        name: 'orders.waiting',
        arguments: {
          'x-queue-type': 'quorum',
          'x-single-active-consumer': true,
          'x-dead-letter-exchange': 'orders.dead-letter',
          'x-dead-letter-strategy': 'at-least-once',
          'x-overflow': 'reject-publish',
          'x-delivery-limit': 2_147_483_647,
        },
      },
    ],
    bindings: [],
    existing: [],
  });
});

test('the smallest rung that is long enough is taken, beyond the longest the longest', () => {
  const delaysMs = [1_000, 10_000];
  expect([0, 1_000, 1_001, 10_000, 10_001].map((askedMs) => smallestRung(delaysMs, askedMs))).toEqual([
    1_000, 1_000, 10_000, 10_000, 10_000,
  ]);
  expect(smallestRung([], 1)).toBeUndefined();
});
