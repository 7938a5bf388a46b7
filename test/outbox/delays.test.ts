import { createConsumer, type Rabbit } from '@surehop/consumer';
import { createOutbox, createRelay, defineExchange, defineQueue, postgresOutbox } from '@surehop/outbox';
import { defineStream } from '@surehop/publisher';
import { attachBroker, attachPostgres, eventually } from '@surehop/testing';
import { connect as amqpConnect } from 'amqplib';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { orders } from './faults/contract.ts';
import { type OutboxStage, openStage, type Store } from './stage.ts';

const broker = attachBroker(inject('broker'));
const postgres = attachPostgres(inject('postgres'));
const outbox = createOutbox();
const day = 86_400_000;

afterAll(async () => {
  await broker.close();
  await postgres.close();
});

interface Arrival {
  readonly id: string | undefined;
  readonly at: number;
}

/** Notes when messages come. */
async function arrivals(rabbit: Rabbit): Promise<Arrival[]> {
  const seen: Arrival[] = [];
  await createConsumer(rabbit, orders, ({ properties }) => {
    seen.push({ id: properties.messageId, at: performance.now() });
  });
  return seen;
}

/** In a transaction of its own. Gives the moment of the call. */
async function add(store: Store, messageId: string, when: { delayMs?: number; at?: Date }): Promise<number> {
  const at = performance.now();
  await store.within((tx) => outbox.publish(tx, orders, { id: messageId }, { messageId, ...when }));
  return at;
}

const relayOf = (stage: OutboxStage) =>
  createRelay(stage.rabbit, postgresOutbox(stage.pool), { contracts: [orders], inspectMs: 100 });
const unsent = (store: Store) => store.rows('SELECT message_id FROM surehop.outbox WHERE sent_at IS NULL');
const olderThan = (store: Store, ms: number) =>
  eventually(async () => {
    const old = `SELECT FROM surehop.outbox WHERE created_at < clock_timestamp() - interval '${ms} ms'`;
    expect(await store.rows(old)).toHaveLength(1);
  });

describe('a message of the outbox with a delay', () => {
  test('leaves the outbox at once, waits in the broker, and comes when its time is up', async () => {
    await using stage = await openStage(broker, postgres);
    const seen = await arrivals(stage.rabbit);
    await using _relay = await relayOf(stage);
    await add(stage, 'declares the network', { delayMs: 1 });
    await eventually(() => expect(seen).toHaveLength(1), 10_000);
    const calledAt = await add(stage, 'delayed', { delayMs: 2_000 });
    const dated = await add(stage, 'dated', { at: new Date(Date.now() + 1_000) });
    await eventually(async () => expect(await unsent(stage)).toEqual([]));
    expect(performance.now() - calledAt).toBeLessThan(2_000);
    expect(seen).toHaveLength(1);
    await eventually(() => expect(seen).toHaveLength(3), 10_000);
    expect(seen.map(({ id }) => id)).toEqual(['declares the network', 'dated', 'delayed']);
    expect(seen[1]?.at).toBeGreaterThan(dated + 990); // a Date has whole milliseconds, and each clock its own
    expect(seen[2]?.at).toBeGreaterThan(calledAt + 1_990);
  });

  test('waits for what is left when the relay was away, and no longer', async () => {
    await using stage = await openStage(broker, postgres);
    const seen = await arrivals(stage.rabbit);
    const calledAt = await add(stage, 'm', { delayMs: 4_000 });
    await olderThan(stage, 3_000);
    await using _relay = await relayOf(stage);
    await eventually(() => expect(seen).toHaveLength(1), 10_000);
    expect(seen[0]?.at).toBeGreaterThan(calledAt + 3_990);
    expect(seen[0]?.at).toBeLessThan(calledAt + 6_500);
  });

  test.each([{ delayMs: 0 }, { at: new Date(Date.now() - day) }])('comes at once with %o', async (when) => {
    await using stage = await openStage(broker, postgres);
    await add(stage, 'm', when);
    expect(await stage.rows('SELECT deliver_at FROM surehop.outbox')).toEqual([{ deliver_at: null }]);
    await using _relay = await relayOf(stage);
    await eventually(async () => expect(await stage.vhost.messageIds('orders')).toEqual(['m']));
  });

  test('comes at once when its time was over before the relay was there', async () => {
    await using stage = await openStage(broker, postgres);
    await add(stage, 'm', { delayMs: 100 });
    await olderThan(stage, 150);
    await using _relay = await relayOf(stage);
    await eventually(async () => expect(await stage.vhost.messageIds('orders')).toEqual(['m']));
    expect((await stage.vhost.queues()).map(({ name }) => name)).not.toContain('surehop.delay.v1.level.0');
  });

  test('waits no longer than it was to, whatever a clock was set back to meanwhile', async () => {
    await using stage = await openStage(broker, postgres);
    await add(stage, 'm', { delayMs: 500 });
    const later = "created_at = created_at + interval '1 day', deliver_at = deliver_at + interval '1 day'";
    await stage.rows(`UPDATE surehop.outbox SET ${later}`);
    await using _relay = await relayOf(stage);
    await eventually(async () => expect(await stage.vhost.messageIds('orders')).toEqual(['m']), 10_000);
  });

  test('goes to what exists when the relay has no contract for it: a queue, or an exchange by its own key', async () => {
    await using stage = await openStage(broker, postgres);
    const connection = await amqpConnect(stage.vhost.url());
    const channel = await connection.createChannel();
    await channel.assertExchange('shop', 'topic');
    for (const queue of ['legacy', 'bound']) await channel.assertQueue(queue, { maxPriority: 3 });
    await channel.bindQueue('bound', 'shop', 'order.*');
    await connection.close();
    const [legacy, shop] = [defineQueue<number>('legacy'), defineExchange<number>('shop', { type: 'topic' })];
    await stage.within(async (tx) => {
      await outbox.publish(tx, legacy, 1, { messageId: 'to a queue', delayMs: 1_500 });
      await outbox.publish(tx, shop, 2, { messageId: 'to an exchange', delayMs: 1_500, routingKey: 'order.paid' });
    });
    await using _relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool));
    await eventually(async () => expect(await unsent(stage)).toEqual([]), 10_000);
    await eventually(async () => expect(await stage.vhost.messageIds('legacy')).toEqual(['to a queue']), 10_000);
    await eventually(async () => expect(await stage.vhost.messageIds('bound')).toEqual(['to an exchange']), 10_000);
    const [message] = await stage.vhost.get('bound');
    expect(message?.properties).toMatchObject({ content_type: 'application/json' });
    const names = (await stage.vhost.queues()).map(({ name }) => name).filter((name) => !name.startsWith('surehop.'));
    expect(names.sort()).toEqual(['bound', 'legacy']);
  });

  test('to a queue that does not exist and is not declared is set aside, with that as its error', async () => {
    await using stage = await openStage(broker, postgres);
    const store = postgresOutbox(stage.pool);
    const quick = { maxAttempts: 1, retryDelayMs: 20, retryMaxDelayMs: 50 };
    await using _relay = await createRelay(stage.rabbit, store, quick);
    await add(stage, 'm', { delayMs: 60_000 });
    await eventually(async () => expect(await store.listSetAside()).toHaveLength(1), 10_000);
    const [aside] = await store.listSetAside();
    expect(aside).toMatchObject({ messageId: 'm', error: { code: 'SUREHOP_TOPOLOGY_MISMATCH' } });
  });

  const stream = defineStream<{ id: string }>('log', { keepForever: true });
  test.each<[string, object, typeof orders | typeof stream]>([
    ['negative', { delayMs: -1 }, orders],
    ['fractional', { delayMs: 0.5 }, orders],
    ['too long', { delayMs: 366 * day + 1 }, orders],
    ['too far ahead', { at: new Date(Date.now() + 367 * day) }, orders],
    ['no date', { at: 'tomorrow' }, orders],
    ['no moment', { at: new Date(Number.NaN) }, orders],
    ['both', { delayMs: 1, at: new Date() }, orders],
    ['an expiration', { delayMs: 1, properties: { expiration: '5' } }, orders],
    ['copies', { delayMs: 1, headers: { CC: ['other'] } }, orders],
    ['a key, behind which others would overtake it', { delayMs: 1, key: 'k' }, orders],
    ['a sequence, which would wait', { delayMs: 1, sequence: true }, orders],
    ['a stream', { delayMs: 1 }, stream],
  ])('is refused before anything is written: %s', async (_, when, to) => {
    await using stage = await openStage(broker, postgres);
    await stage.within(async (tx) => {
      await tx.query('CREATE TABLE purchase ()');
      const refused = outbox.publish(tx, to as typeof orders, { id: 'm' }, when as { delayMs: number });
      await expect(refused).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
      await outbox.publish(tx, orders, { id: 'n' }, { messageId: 'the transaction goes on' });
    });
    expect(await unsent(stage)).toEqual([{ message_id: 'the transaction goes on' }]);
  });
});
