import { systemEffects } from '@surehop/core/internal';
import { createOutbox, defineQueue, type OutboxMessage, type OutboxStore, postgresOutbox } from '@surehop/outbox';
import { attachPostgres } from '@surehop/testing';
import { afterAll, afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { lent, openStore, type Store } from './stage.ts';

const postgres = attachPostgres(inject('postgres'));
const orders = defineQueue<unknown>('orders');
const outbox = createOutbox();
const context = { clock: systemEffects.clock, log: keepingLogger().log, wake: () => {} };
let store: Store;

beforeEach(async () => {
  store = await openStore(postgres);
});
afterEach(() => store[Symbol.asyncDispose]());
afterAll(() => postgres.close());

async function add(key: string, ...ids: string[]): Promise<void> {
  await store.within(async (tx) => {
    for (const id of ids) await outbox.publish(tx, orders, {}, { messageId: id, key });
  });
}

/** What one pass takes; nothing of it is sent. */
async function taken(one: OutboxStore): Promise<string[]> {
  let ids: string[] = [];
  await one.pass(async (messages: readonly OutboxMessage[]) => {
    ids = messages.map(({ messageId }) => messageId);
    return messages.map(() => ({ status: 'waiting' }));
  });
  return ids;
}

const keys = Array.from({ length: 10 }, (_, number) => `key ${number}`);

describe('a pass', () => {
  test('goes from key to key in turns, whatever waits in each', async () => {
    for (const key of keys) await add(key, `${key} a`, `${key} b`, `${key} c`);
    const one = postgresOutbox(store.pool, { batchSize: 4, batchSizePerKey: 2 });
    await one.open(context);
    const passes = [await taken(one), await taken(one), await taken(one), await taken(one)];
    const keysOf = (ids: string[]) => [...new Set(ids.map((id) => id.slice(0, 5)))];
    expect(passes.map(keysOf)).toEqual([keys.slice(0, 4), keys.slice(4, 8), keys.slice(8), keys.slice(0, 4)]);
    expect(passes[0]).toHaveLength(8);
    await one.close();
  });

  test('leaves alone the keys that another has, goes on to the others, and ends where others have everything', async () => {
    for (const key of keys) await add(key, `${key} a`, `${key} b`);
    await using other = await lent(store.pool);
    await other.client.query('BEGIN');
    await other.client.query("SELECT FROM surehop.outbox WHERE key <> 'key 9' AND message_id LIKE '% a' FOR UPDATE");
    const one = postgresOutbox(store.pool, { batchSize: 2 });
    await one.open(context);
    expect(await taken(one)).toEqual(['key 9 a', 'key 9 b']);
    await other.client.query('SELECT FROM surehop.outbox FOR UPDATE');
    expect([await taken(one), await taken(one)]).toEqual([[], []]);
    await other.client.query('COMMIT');
    expect(await taken(one)).toHaveLength(4);
    await one.close();
  });

  test('[batchBytes] takes bodies up to a size, and a larger one alone', async () => {
    await store.within(async (tx) => {
      for (const size of [10, 10, 1_000, 10]) await outbox.publish(tx, orders, 'x'.repeat(size));
    });
    const one = postgresOutbox(store.pool, { batchBytes: 30 });
    await one.open(context);
    expect(await taken(one)).toHaveLength(3); // the one that goes beyond is still taken
    await store.rows('UPDATE surehop.outbox SET sent_at = now() WHERE octet_length(content) < 100');
    expect(await taken(one)).toHaveLength(1);
    await one.close();
  });

  test('what dies with its connection is due again at once', async () => {
    await add('k', 'a', 'b');
    const dying = postgresOutbox(store.pool);
    await dying.open(context);
    const pass = dying.pass(async () => {
      await store.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()",
      );
      return [{ status: 'sent' }, { status: 'sent' }];
    });
    await expect(pass).rejects.toMatchObject({ code: 'SUREHOP_STORE_UNAVAILABLE', retryable: true });
    expect(await taken(dying)).toEqual(['a', 'b']);
    await dying.close();
  });
});
