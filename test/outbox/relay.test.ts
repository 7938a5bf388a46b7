import {
  createOutbox,
  createRelay,
  defineExchange,
  defineQueue,
  type Outbox,
  type OutboxPublishOptions,
  postgresOutbox,
  type RelayOptions,
} from '@surehop/outbox';
import { createPublisher } from '@surehop/publisher';
import { attachBroker, attachPostgres, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { fill, widen } from '../consuming/stage.ts';
import { type OutboxStage, openStage } from './stage.ts';

const broker = attachBroker(inject('broker'));
const postgres = attachPostgres(inject('postgres'));
const orders = defineQueue<unknown>('orders');
const outbox = createOutbox();
/** Declared by the relay, and everything at once. */
const quick: RelayOptions = {
  contracts: [orders],
  retryDelayMs: 20,
  retryMaxDelayMs: 50,
  maxAttempts: 3,
  inspectMs: 100,
};

afterAll(async () => {
  await broker.close();
  await postgres.close();
});

async function add(
  stage: OutboxStage,
  ids: readonly string[],
  options: OutboxPublishOptions = {},
  to: typeof orders = orders,
  via: Outbox = outbox,
): Promise<void> {
  await stage.within(async (tx) => {
    for (const id of ids) await via.publish(tx, to, { id }, { messageId: id, ...options });
  });
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${prefix}${number}`);
}

const unsent = (stage: OutboxStage) =>
  stage.rows<{ message_id: string }>('SELECT message_id FROM surehop.outbox WHERE sent_at IS NULL ORDER BY position');

async function untilSent(stage: OutboxStage): Promise<void> {
  await eventually(async () => expect(await unsent(stage)).toEqual([]), 10_000);
}

describe('a relay', () => {
  test('sends what was there before it and what comes later, and declares what it goes to', async () => {
    await using stage = await openStage(broker, postgres);
    await add(stage, ['before']);
    await using _relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool), { contracts: [orders] });
    await add(stage, ['after']);
    await untilSent(stage);
    expect(await stage.vhost.messageIds('orders')).toEqual(['before', 'after']);
  });

  test('sends body, properties and headers as they were given', async () => {
    await using stage = await openStage(broker, postgres);
    const headers = { text: 'é\0', list: [1, true], bytes: Buffer.from([0, 255]), nested: { deep: 0.5 } };
    const properties = { type: 'order.created', priority: 3, correlationId: 'c', expiration: '600000', timestamp: 17 };
    await using _relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool), { contracts: [orders] });
    await stage.within((tx) => outbox.publish(tx, orders, { text: 'ü' }, { messageId: 'm', headers, properties }));
    await untilSent(stage);
    const [message] = await stage.vhost.get('orders');
    expect(JSON.parse(String(message?.content))).toEqual({ text: 'ü' });
    expect(message?.properties).toMatchObject({
      type: 'order.created',
      priority: 3,
      correlation_id: 'c',
      expiration: '600000',
      timestamp: 17,
      message_id: 'm',
      delivery_mode: 2,
      content_type: 'application/json',
    });
    expect(message?.headers).toMatchObject({ text: 'é\0', list: [1, true], nested: { deep: 0.5 } });
  });

  test('without contracts it sends to what exists: an exchange, by its routing key', async () => {
    await using stage = await openStage(broker, postgres);
    const shop = defineExchange<unknown>('shop', { type: 'topic' });
    const bound = defineQueue<unknown>('bound', { bindTo: [{ exchange: shop, routingKey: 'order.*' }] });
    {
      await using relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool), { contracts: [bound] });
      await add(stage, ['first'], {}, bound);
      await untilSent(stage);
      await relay.close();
    }
    await using _relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool));
    await stage.within((tx) => outbox.publish(tx, shop, {}, { messageId: 'second', routingKey: 'order.created' }));
    await untilSent(stage);
    expect(await stage.vhost.messageIds('bound')).toEqual(['first', 'second']);
  });

  test('[notify] is woken by a commit; without NOTIFY its polling finds the message', async () => {
    await using stage = await openStage(broker, postgres);
    await using relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool), { ...quick, pollMs: 3_600_000 });
    const fresh = createOutbox(); // it has notified nobody lately
    await add(stage, ['woken'], {}, orders, fresh);
    await untilSent(stage);
    await add(stage, ['looked for'], {}, orders, createOutbox({ notify: false })); // right behind another one
    await untilSent(stage);
    await relay.close();
    await using polling = await createRelay(stage.rabbit, postgresOutbox(stage.pool), { ...quick, pollMs: 50 });
    await eventually(() => expect(polling.health().phase).toBe('running'));
    await add(stage, ['polled'], {}, orders, createOutbox({ notify: false }));
    await untilSent(stage);
  });

  test('sends the messages of a key in the order of their commits, one after the other, and others beside them', async () => {
    await using stage = await openStage(broker, postgres);
    const keyed = names('k', 300);
    await Promise.all([
      add(stage, keyed.slice(0, 150), { key: 'k' }),
      add(stage, names('free', 50)),
      add(stage, names('j', 50), { key: 'j' }),
    ]);
    await add(stage, keyed.slice(150), { key: 'k' });
    const options = { batchSize: 20, batchSizePerKey: 7 };
    await using _one = await createRelay(stage.rabbit, postgresOutbox(stage.pool, options), quick);
    await using _two = await createRelay(stage.rabbit, postgresOutbox(stage.pool, options), quick);
    await untilSent(stage);
    const arrived = await stage.vhost.messageIds('orders');
    expect(arrived).toHaveLength(400);
    expect(arrived.filter((id) => id.startsWith('k'))).toEqual(keyed);
    expect(arrived.filter((id) => id.startsWith('j'))).toEqual(names('j', 50));
  });

  test('several relays share the work, and send nothing twice', async () => {
    await using stage = await openStage(broker, postgres);
    await add(stage, names('m', 3_000));
    const relays = await Promise.all(
      [1, 2, 3].map(() => createRelay(stage.rabbit, postgresOutbox(stage.pool, { batchSize: 50 }), quick)),
    );
    await untilSent(stage);
    expect(new Set(await stage.vhost.messageIds('orders')).size).toBe(3_000);
    expect(await stage.vhost.messages('orders')).toBe(3_000);
    await eventually(() => {
      const rates = relays.map((relay) => relay.health().sentPerSecond);
      expect(rates.filter((rate) => rate > 0)).toHaveLength(3);
    });
    for (const relay of relays) await relay.close();
  });

  test('what no queue takes is tried again, then set aside with its error; others go on', async () => {
    await using stage = await openStage(broker, postgres);
    const store = postgresOutbox(stage.pool);
    await using relay = await createRelay(stage.rabbit, store, quick);
    await add(stage, ['nowhere'], {}, defineQueue<unknown>('missing'));
    await add(stage, ['fine']);
    await eventually(async () => expect(await store.listSetAside()).toHaveLength(1));
    const [aside] = await store.listSetAside();
    expect(aside).toMatchObject({ messageId: 'nowhere', attempts: 3, routingKey: 'missing' });
    expect(aside?.error.code).toBe('SUREHOP_UNROUTABLE');
    expect(await stage.vhost.messageIds('orders')).toEqual(['fine']);
    await eventually(() => expect(relay.health()).toMatchObject({ setAside: 1, depth: 0, phase: 'running' }));
    expect(stage.rabbit.health().relays).toEqual([relay.health()]);
    const told = stage.lines.filter(({ fields }) => fields.messageId === 'nowhere').map(({ level }) => level);
    expect(told).toEqual(['warn', 'warn', 'error']);
  });

  test('a full queue uses up attempts only while it refuses', async () => {
    await using stage = await openStage(broker, postgres);
    await using relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool), { ...quick, maxAttempts: 1_000 });
    await add(stage, ['declares']);
    await untilSent(stage);
    await fill(stage.vhost, 'orders');
    await add(stage, ['late', 'later'], { key: 'k' });
    await eventually(() => expect(stage.lines.some(({ fields }) => fields.code === 'SUREHOP_REFUSED')).toBe(true));
    expect(stage.lines.some(({ fields }) => fields.messageId === 'later')).toBe(false); // not before the one in front
    await widen(stage.vhost, 'orders');
    await untilSent(stage);
    expect((await stage.vhost.messageIds('orders')).slice(-2)).toEqual(['late', 'later']);
    expect(relay.health().setAside).toBe(0);
  });
});

describe('what was set aside', () => {
  const missing = defineQueue<unknown>('missing');

  test('[behindSetAside] holds what is behind it in its key until a person has decided', async () => {
    await using stage = await openStage(broker, postgres);
    const store = postgresOutbox(stage.pool);
    await using _relay = await createRelay(stage.rabbit, store, quick);
    await add(stage, ['bad'], { key: 'k' }, missing);
    await add(stage, ['behind'], { key: 'k' });
    await add(stage, ['other'], { key: 'j' });
    await eventually(async () => expect(await store.listSetAside()).toHaveLength(1));
    await eventually(async () => expect(await stage.vhost.messageIds('orders')).toEqual(['other']));
    expect(await unsent(stage)).toEqual([{ message_id: 'bad' }, { message_id: 'behind' }]);

    const [bad] = await store.listSetAside();
    expect(await store.discard([bad?.position ?? ''])).toBe(1);
    await untilSent(stage);
    expect(await stage.vhost.messageIds('orders')).toEqual(['other', 'behind']);
    expect(await store.discard([bad?.position ?? ''])).toBe(0);
  });

  test("[behindSetAside] 'pass' sends what is behind it", async () => {
    await using stage = await openStage(broker, postgres);
    const store = postgresOutbox(stage.pool, { behindSetAside: 'pass' });
    await using _relay = await createRelay(stage.rabbit, store, quick);
    await add(stage, ['bad'], { key: 'k' }, missing);
    await add(stage, ['behind'], { key: 'k' });
    await eventually(async () => expect(await unsent(stage)).toEqual([{ message_id: 'bad' }]));
    expect(await stage.vhost.messageIds('orders')).toEqual(['behind']);
  });

  test('is tried again, with all its attempts, on retry()', async () => {
    await using stage = await openStage(broker, postgres);
    const store = postgresOutbox(stage.pool);
    await using _relay = await createRelay(stage.rabbit, store, { ...quick, pollMs: 3_600_000 });
    await add(stage, ['bad', 'bad as well'], { key: 'k' }, missing);
    await eventually(async () => expect(await store.listSetAside()).toHaveLength(1));
    const [bad] = await store.listSetAside();
    await createPublisher(stage.rabbit).publish(missing, {}, { messageId: 'declares' });
    expect(await store.retry([bad?.position ?? ''])).toBe(1);
    await untilSent(stage);
    expect(await stage.vhost.messageIds('missing')).toEqual(['declares', 'bad', 'bad as well']);
  });

  test('is listed page by page; nonsense is refused', async () => {
    await using stage = await openStage(broker, postgres);
    const store = postgresOutbox(stage.pool);
    await add(stage, names('m', 5));
    await stage.rows("UPDATE surehop.outbox SET set_aside_at = now(), error_code = 'X', error = 'because'");
    const first = await store.listSetAside({ limit: 3 });
    const second = await store.listSetAside({ limit: 3, after: first.at(-1)?.position ?? '' });
    expect([...first, ...second].map(({ messageId }) => messageId)).toEqual(names('m', 5));
    await expect(async () => store.retry(["1'; DROP TABLE"])).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    await expect(async () => store.listSetAside({ limit: 0 })).rejects.toMatchObject({
      code: 'SUREHOP_OPTION_INVALID',
    });
  });
});

describe('housekeeping', () => {
  test('[retentionMs] removes what was sent, and keys that nobody uses, and nothing else', async () => {
    await using stage = await openStage(broker, postgres);
    await add(stage, names('m', 2_500), { key: 'k' });
    await stage.rows("UPDATE surehop.outbox SET sent_at = now() - interval '2 hours' WHERE message_id <> 'm7'");
    await stage.rows("UPDATE surehop.outbox_key SET used_at = now() - interval '2 hours'");
    await using _relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool), {
      ...quick,
      retentionMs: 3_600_000,
    });
    await eventually(async () => {
      const rows = await stage.rows<{ message_id: string }>('SELECT message_id FROM surehop.outbox');
      expect(rows).toEqual([{ message_id: 'm7' }]);
      expect(await stage.rows('SELECT key FROM surehop.outbox_key')).toEqual([]);
    }, 10_000);
    await untilSent(stage);
  });

  test('a clock that was set back keeps no message waiting', async () => {
    await using stage = await openStage(broker, postgres);
    await add(stage, ['free']);
    await add(stage, ['keyed'], { key: 'k' });
    await stage.rows("UPDATE surehop.outbox SET attempts = 1, due_at = now() + interval '2 days'");
    await using _relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool), quick);
    await untilSent(stage);
  });

  test('bodies larger than a pass takes go alone', async () => {
    await using stage = await openStage(broker, postgres);
    await add(stage, names('m', 20));
    const store = postgresOutbox(stage.pool, { batchBytes: 1 });
    await using _relay = await createRelay(stage.rabbit, store, quick);
    await untilSent(stage);
    expect(await stage.vhost.messageIds('orders')).toEqual(names('m', 20));
  });

  test('a store serves one relay', async () => {
    await using stage = await openStage(broker, postgres);
    const store = postgresOutbox(stage.pool);
    await using relay = await createRelay(stage.rabbit, store, quick);
    await expect(createRelay(stage.rabbit, store, quick)).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    await add(stage, ['goes on']);
    await untilSent(stage);
    await relay.close();
    await using _later = await createRelay(stage.rabbit, store, quick);
    await add(stage, ['goes on again']);
    await untilSent(stage);
  });

  test('close() waits for what is on its way, and gives back its connection', async () => {
    await using stage = await openStage(broker, postgres);
    const relay = await createRelay(stage.rabbit, postgresOutbox(stage.pool), quick);
    await add(stage, ['declares']);
    await untilSent(stage);
    stage.proxy.delay(200);
    await add(stage, ['on its way']);
    await eventually(() => expect(stage.rabbit.health().publishers[0]?.unconfirmed).toBe(1));
    await stage.rabbit.close();
    expect(await unsent(stage)).toEqual([]);
    expect(relay.health().phase).toBe('closed');
    await eventually(() => expect(stage.pool.totalCount - stage.pool.idleCount).toBe(0));
  });
});
