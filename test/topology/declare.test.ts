import { connect, defineExchange, defineQueue, type Rabbit } from '@surehop/core';
import {
  exchangeTopology,
  internalsOf,
  joined,
  queueTopology,
  rawQueueTopology,
  type Topology,
  waitingTopology,
} from '@surehop/core/internal';
import { attachBroker, eventually, FaultProxy, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
beforeEach(async () => {
  vhost = await broker.vhost();
  return () => vhost.close();
});
afterAll(() => broker.close());

const soon = (): AbortSignal => AbortSignal.timeout(10_000);
const ensure = (rabbit: Rabbit, topology: Topology, again = false): Promise<void> =>
  internalsOf(rabbit).topology.ensure(topology, soon(), again);

const shop = defineExchange('shop', { type: 'topic' });
const orders = defineQueue('orders', {
  retry: { delaysMs: [100, 1_000] },
  bindTo: [{ exchange: shop, routingKey: 'order.#' }],
});

describe('[topology: declare]', () => {
  test('declares the queue, its rungs, its way back and its dead-letter queue as documented', async () => {
    await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
    await ensure(rabbit, queueTopology(orders));
    const queues = Object.fromEntries((await vhost.queues()).map(({ name, arguments: args }) => [name, args]));
    expect(queues).toEqual({
      orders: {
        'x-queue-type': 'quorum',
        'x-dead-letter-exchange': 'orders.dead-letter',
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
        'x-delivery-limit': 50,
      },
      'orders.retry.100': rung(100),
      'orders.retry.1000': rung(1_000),
      'orders.dead-letter': {
        'x-queue-type': 'quorum',
        'x-overflow': 'reject-publish',
        'x-delivery-limit': 2_147_483_647,
      },
    });
    // The ways: from the bound exchange, back from the rungs, and what the way back cannot route.
    expect(await vhost.publish('shop', 'order.new', 'bound')).toBe(true);
    expect(await vhost.publish('orders.retry', 'orders', 'back')).toBe(true);
    expect(await vhost.publish('orders.retry', 'elsewhere', 'lost?')).toBe(true);
    await eventually(async () => expect(await vhost.messages('orders')).toBe(2));
    await eventually(async () => expect(await vhost.messages('orders.dead-letter')).toBe(1));
  });

  test('a classic contract makes only the work queue classic', async () => {
    await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
    await ensure(rabbit, queueTopology(defineQueue('jobs', { type: 'classic', retry: { delaysMs: [100] } })));
    const types = Object.fromEntries((await vhost.queues()).map(({ name, type }) => [name, type]));
    expect(types).toEqual({ jobs: 'classic', 'jobs.retry.100': 'quorum', 'jobs.dead-letter': 'quorum' });
  });

  test('is idempotent, and a longer ladder meets no conflict', async () => {
    await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
    await ensure(rabbit, queueTopology(orders));
    await ensure(rabbit, queueTopology(orders), true);
    await ensure(rabbit, queueTopology(defineQueue('orders', { retry: { delaysMs: [100, 5_000] } })));
    expect(rabbit.health().topology).toContainEqual({ entity: 'queue "orders.retry.5000"', state: 'declared' });
  });

  test('a queue with other arguments is told with argument, wanted and found, and nothing is changed', async () => {
    await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
    await ensure(rabbit, queueTopology(orders));
    const other = defineQueue('orders', { deliveryLimit: 51, retry: { delaysMs: [100, 1_000] } });
    await using second = await connect({ url: vhost.url(), log: keepingLogger().log });
    await expect(ensure(second, queueTopology(other))).rejects.toMatchObject({
      code: 'SUREHOP_TOPOLOGY_MISMATCH',
      entity: 'queue "orders"',
      argument: 'x-delivery-limit',
      wanted: '51',
      found: '50',
    });
    expect(second.health()).toMatchObject({ status: 'degraded' });
    expect(second.health().topology).toContainEqual({ entity: 'queue "orders"', state: 'mismatch' });
    // The channel that the broker closed for it is replaced: others go on.
    await ensure(second, queueTopology(defineQueue('parcels', { retry: { delaysMs: [] } })));
  });

  test('an exchange of another type is a mismatch too', async () => {
    await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
    await ensure(rabbit, exchangeTopology(shop));
    const wrong = ensure(rabbit, exchangeTopology(defineExchange('shop', { type: 'fanout' })), true);
    await expect(wrong).rejects.toMatchObject({ code: 'SUREHOP_TOPOLOGY_MISMATCH', argument: 'type' });
  });

  test('a user who may not configure is refused with a code of its own', async () => {
    const user = await vhost.addUser('reader', 'secret', { read: '.*' });
    await using rabbit = await connect({ url: user.url(), log: keepingLogger().log });
    await expect(ensure(rabbit, queueTopology(orders))).rejects.toMatchObject({ code: 'SUREHOP_ACCESS_REFUSED' });
  });

  test('the permissions that the documentation names are enough', async () => {
    const own = String.raw`^orders(\.retry(\.[0-9]+)?|\.dead-letter|\.waiting)?$`;
    const user = await vhost.addUser('orders-service', 'secret', { configure: own, write: own, read: own });
    await using rabbit = await connect({ url: user.url(), log: keepingLogger().log });
    const contract = defineQueue('orders', { singleActiveConsumer: true, retry: { delaysMs: [100, 1_000] } });
    await ensure(rabbit, joined(queueTopology(contract), waitingTopology('orders')));
  });

  test('a queue without a contract must exist', async () => {
    await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
    const topology = rawQueueTopology('legacy', { delaysMs: [100] });
    await expect(ensure(rabbit, topology)).rejects.toMatchObject({
      code: 'SUREHOP_TOPOLOGY_MISMATCH',
      argument: undefined,
    });
    expect(await vhost.queues()).toEqual([]);
  });

  test('[topologyCheckMs] a deleted exchange is noticed, made anew and told', async () => {
    const { log, lines } = keepingLogger();
    await using rabbit = await connect({ url: vhost.url(), topologyCheckMs: 200, log });
    await ensure(rabbit, queueTopology(orders));
    await vhost.deleteExchange('shop');
    await eventually(() =>
      expect(rabbit.health().topology).toContainEqual({ entity: 'exchange "shop"', state: 'created anew' }),
    );
    expect(rabbit.health().status).toBe('degraded');
    expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', fields: { entity: 'exchange "shop"' } }));
    // Bindings are part of it.
    await eventually(async () => expect(await vhost.publish('shop', 'order.new', 'x')).toBe(true));
  });

  test('an exchange that has to be made anew gets its bindings back at once', async () => {
    await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
    await ensure(rabbit, queueTopology(orders));
    await vhost.deleteExchange('shop');
    await ensure(rabbit, exchangeTopology(shop), true); // as a publisher asks for that meets a 404
    await eventually(async () => expect(await vhost.publish('shop', 'order.new', 'x')).toBe(true));
  });

  test('everything is asserted again after a reconnect', async () => {
    await using proxy = await FaultProxy.start(vhost);
    await using rabbit = await connect({ url: vhost.url(proxy.port), log: keepingLogger().log });
    await ensure(rabbit, queueTopology(orders));
    proxy.refuse();
    proxy.cut();
    await vhost.deleteQueue('orders.retry.100');
    proxy.heal();
    await eventually(
      async () => expect((await vhost.queues()).map(({ name }) => name)).toContain('orders.retry.100'),
      10_000,
    );
  });
});

function rung(delayMs: number): Record<string, unknown> {
  return {
    'x-queue-type': 'quorum',
    'x-message-ttl': delayMs,
    'x-dead-letter-exchange': 'orders.retry',
    'x-dead-letter-routing-key': 'orders',
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  };
}
