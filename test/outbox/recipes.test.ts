import { readFileSync } from 'node:fs';
import { createInbox, createOutbox, defineQueue, type Queryable, type ReceivedMessage } from '@surehop/outbox';
import { attachPostgres } from '@surehop/testing';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Kysely, PostgresDialect } from 'kysely';
import openPostgresJs from 'postgres';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { prismaClient } from './prisma-client.ts';
import { inDrizzle, inKysely, inPostgresJs, inPrisma } from './recipes.ts';
import { openStore, poolOf, type Store } from './stage.ts';

const postgres = attachPostgres(inject('postgres'));
const orders = defineQueue<unknown>('orders');
const outbox = createOutbox();
const inbox = createInbox();
let store: Store;

beforeAll(async () => {
  store = await openStore(postgres);
  await store.rows('CREATE TABLE purchase (id text PRIMARY KEY)');
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await postgres.close();
});

/** A library, as far as it matters here: work in one of its transactions. */
interface Library extends AsyncDisposable {
  within<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** Of a transaction that has ended. */
  stale(): Promise<Queryable>;
}

const libraries: Readonly<Record<string, () => Library>> = {
  Drizzle: () => {
    const pool = poolOf(store.database);
    const db = drizzle(pool);
    return library(
      (work) => db.transaction((tx) => work(inDrizzle(tx))),
      () => pool.end(),
    );
  },
  Kysely: () => {
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: poolOf(store.database) }) });
    return library(
      (work) => db.transaction().execute((tx) => work(inKysely(tx))),
      () => db.destroy(),
    );
  },
  Prisma: () => {
    const prisma = prismaClient(store.database.url());
    return library(
      (work) => prisma.$transaction((tx) => work(inPrisma(tx))),
      () => prisma.$disconnect(),
    );
  },
  'postgres.js': () => {
    const sql = openPostgresJs(store.database.url(), { onnotice: () => {} });
    return library(
      async (work) => (await sql.begin(async (tx) => ({ result: await work(inPostgresJs(tx)) }))).result,
      () => sql.end(),
    );
  },
};

function library(within: Library['within'], end: () => Promise<unknown>): Library {
  return {
    within,
    stale: () => within(async (tx) => tx),
    [Symbol.asyncDispose]: async () => void (await end()),
  };
}

describe.each(Object.entries(libraries))('%s', (name, open) => {
  test('docs/outbox.md shows what is tested here', () => {
    const recipes = readFileSync(new URL('recipes.ts', import.meta.url), 'utf8');
    const recipe = recipes.split(`// recipe: ${name}\n`)[1]?.split('// end\n')[0] ?? '';
    const page = readFileSync(new URL('../../docs/outbox.md', import.meta.url), 'utf8');
    expect(recipe).not.toBe('');
    expect(page).toContain(recipe.replace('export function', 'function').trim());
  });

  test('a message is written with the business data, byte for byte, and not without', async () => {
    await using lib = open();
    const body = { text: 'ä\u0000"\\', list: [1, null] };
    const options = {
      key: `key of ${name}`,
      headers: { 'x-list': ['é', 1], bytes: Buffer.from([0, 255]) },
      properties: { type: 't' },
    };
    const publish = (tx: Queryable, id: string, to = orders) =>
      outbox.publish(tx, to, body, { ...options, messageId: id });
    await lib.within(async (tx) => {
      await tx.query('INSERT INTO purchase VALUES ($1)', [`${name} 1`]);
      expect(await publish(tx, `${name} 1`)).toMatchObject({ isNew: true });
      expect(await publish(tx, `${name} 1`)).toMatchObject({ isNew: false });
    });
    const failing = lib.within(async (tx) => {
      await publish(tx, `${name} 2`);
      throw new Error('changed its mind');
    });
    await expect(failing).rejects.toThrow('changed its mind');
    const rows = await store.rows<Record<string, unknown>>(
      "SELECT message_id, content, properties, headers FROM surehop.outbox WHERE message_id LIKE $1 || '%'",
      [name],
    );
    expect(rows).toHaveLength(1);
    expect(JSON.parse(String(rows[0]?.content))).toEqual(body);
    expect(rows[0]?.headers).toMatchObject({ 'x-list': ['é', 1] });
    expect(rows[0]?.properties).toMatchObject({ type: 't', contentType: 'application/json', deliveryMode: 2 });
  });

  test('a delay counts from the call, whatever the library makes of its number', async () => {
    await using lib = open();
    for (const delayMs of [60_000, 3_600_000]) {
      const messageId = `${name} ${delayMs}`;
      await lib.within((tx) => outbox.publish(tx, orders, {}, { messageId, delayMs }));
      const left = 'SELECT extract(epoch FROM deliver_at - created_at)::float8 * 1000 AS ms';
      const [row] = await store.rows<{ ms: number }>(`${left} FROM surehop.outbox WHERE message_id = $1`, [messageId]);
      expect(row?.ms).toBeLessThanOrEqual(delayMs);
      expect(row?.ms).toBeGreaterThan(delayMs - 10_000);
    }
  });

  test('a transaction that has ended is refused, and one that has failed', async () => {
    await using lib = open();
    const late = outbox.publish(await lib.stale(), orders, {}, { messageId: `${name} late` });
    await expect(late).rejects.toThrow();
    const failed = lib.within(async (tx) => {
      await tx.query('SELECT 1/0').catch(() => {});
      await outbox.publish(tx, orders, {}, { messageId: `${name} late` });
    });
    await expect(failed).rejects.toMatchObject({ code: 'SUREHOP_TRANSACTION_UNUSABLE' });
    expect(await store.rows('SELECT FROM surehop.outbox WHERE message_id = $1', [`${name} late`])).toEqual([]);
  });

  test('the inbox lets a message in once', async () => {
    await using lib = open();
    const message = (body: string) =>
      ({
        properties: { messageId: name },
        content: Buffer.from(body),
        queue: 'orders',
        log: { info: () => {} },
      }) as unknown as ReceivedMessage<unknown>;
    const enter = (body: string) => lib.within((tx) => inbox.enter(tx, message(body)));
    expect([await enter('x'), await enter('x')]).toEqual([true, false]);
    await expect(enter('y')).rejects.toMatchObject({ cause: { code: 'SUREHOP_MESSAGE_ID_REUSED' } });
  });
});
