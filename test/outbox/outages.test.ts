import { createOutbox, createRelay, defineQueue, postgresOutbox, type RelayOptions } from '@surehop/outbox';
import { attachBroker, attachPostgres, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { type OutboxStage, openStage, poolOf } from './stage.ts';

const broker = attachBroker(inject('broker'));
const postgres = attachPostgres(inject('postgres'));
const orders = defineQueue<unknown>('orders');
const outbox = createOutbox();
const options: RelayOptions = { contracts: [orders], pollMs: 50, inspectMs: 100, maxAttempts: 1, deadlineMs: 500 };

afterAll(async () => {
  await broker.close();
  await postgres.close();
});

async function add(stage: OutboxStage, ...ids: string[]): Promise<void> {
  await stage.within(async (tx) => {
    for (const id of ids) await outbox.publish(tx, orders, { id }, { messageId: id, key: 'k' });
  });
}

async function untilSent(stage: OutboxStage): Promise<void> {
  await eventually(async () => {
    expect(await stage.rows('SELECT message_id FROM surehop.outbox WHERE sent_at IS NULL')).toEqual([]);
  }, 15_000);
}

/** Whatever came twice is told apart by its id. */
async function arrived(stage: OutboxStage): Promise<string[]> {
  return [...new Set(await stage.vhost.messageIds('orders'))];
}

describe('a relay goes on by itself', () => {
  test('when the database was away', async () => {
    await using stage = await openStage(broker, postgres);
    const pool = poolOf(stage.database, { connectionString: stage.database.url(stage.databaseProxy.port) });
    const relay = await createRelay(stage.rabbit, postgresOutbox(pool), options);
    await add(stage, 'a');
    await untilSent(stage);
    stage.databaseProxy.refuse();
    stage.databaseProxy.cut();
    await eventually(() => expect(relay.health().phase).toBe('waiting for the store'));
    expect(stage.rabbit.health().status).toBe('degraded');
    await add(stage, 'b', 'c');
    stage.databaseProxy.heal();
    await untilSent(stage);
    await eventually(() => expect(relay.health().phase).toBe('running'));
    expect(await arrived(stage)).toEqual(['a', 'b', 'c']);
    await relay.close();
    await pool.end();
  });

  test('when it was cut off between the confirm and the mark: the message is sent again, under its id', async () => {
    await using stage = await openStage(broker, postgres);
    const pool = poolOf(stage.database, { connectionString: stage.database.url(stage.databaseProxy.port) });
    const relay = await createRelay(stage.rabbit, postgresOutbox(pool), options);
    await add(stage, 'a');
    await untilSent(stage);
    stage.proxy.delay(200);
    await add(stage, 'b');
    await eventually(() => expect(stage.rabbit.health().publishers[0]?.unconfirmed).toBe(1));
    stage.databaseProxy.cut(); // what was taken is free again, and nobody can mark it
    await untilSent(stage);
    stage.proxy.heal();
    expect((await stage.vhost.messageIds('orders')).sort()).toEqual(['a', 'b', 'b']);
    await relay.close();
    await pool.end();
  });

  test('when the broker was away; that uses up no attempt', async () => {
    await using stage = await openStage(broker, postgres);
    await using relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool), options);
    await add(stage, 'a');
    await untilSent(stage);
    stage.proxy.refuse();
    stage.proxy.cut();
    await add(stage, 'b', 'c');
    await eventually(() => expect(relay.health()).toMatchObject({ phase: 'waiting for the broker', depth: 2 }));
    stage.proxy.heal();
    await untilSent(stage);
    expect(await arrived(stage)).toEqual(['a', 'b', 'c']);
    await eventually(() => expect(relay.health()).toMatchObject({ phase: 'running', depth: 0, setAside: 0 }));
  });

  test('when the broker took messages and confirmed none', async () => {
    await using stage = await openStage(broker, postgres);
    await using relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool), options);
    await add(stage, 'a');
    await untilSent(stage);
    stage.proxy.swallow('to-client');
    await add(stage, 'b', 'c');
    await eventually(() => expect(relay.health().phase).toBe('waiting for the broker'));
    stage.proxy.heal();
    stage.proxy.cut();
    await untilSent(stage);
    expect(await arrived(stage)).toEqual(['a', 'b', 'c']);
    expect(relay.health().setAside).toBe(0);
  });
});

test('close() is bounded, also when neither database nor broker answers', async () => {
  await using stage = await openStage(broker, postgres);
  const pool = poolOf(stage.database, { connectionString: stage.database.url(stage.databaseProxy.port) });
  const relay = await createRelay(stage.rabbit, postgresOutbox(pool), { ...options, deadlineMs: 60_000 });
  await add(stage, 'a');
  await untilSent(stage);
  stage.proxy.blackhole();
  await add(stage, 'b');
  await eventually(() => expect(stage.rabbit.health().publishers[0]?.unconfirmed).toBe(1));
  stage.databaseProxy.blackhole();
  const startedAt = performance.now();
  await relay.close({ timeoutMs: 100 });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(relay.health().phase).toBe('closed');
  stage.databaseProxy.cut();
  await pool.end();
  stage.proxy.cut();
  expect(await stage.rows('SELECT message_id FROM surehop.outbox WHERE sent_at IS NULL')).toEqual([
    { message_id: 'b' },
  ]);
});
