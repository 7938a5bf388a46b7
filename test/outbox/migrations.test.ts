import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  createInbox,
  createOutbox,
  createRelay,
  defineQueue,
  migrate,
  migrations,
  outboxSql,
  postgresOutbox,
} from '@surehop/outbox';
import { connect } from '@surehop/publisher';
import { attachBroker, attachPostgres, type Database, eventually } from '@surehop/testing';
import type pg from 'pg';
import { afterAll, afterEach, beforeEach, expect, inject, test } from 'vitest';
import { lent, poolOf, transaction } from './stage.ts';

const postgres = attachPostgres(inject('postgres'));
const broker = attachBroker(inject('broker'));
const orders = defineQueue<string>('orders');
let database: Database;
let pool: pg.Pool;

beforeEach(async () => {
  database = await postgres.database();
  pool = poolOf(database);
});
afterEach(async () => {
  await pool.end();
  await database.close();
});
afterAll(async () => {
  await postgres.close();
  await broker.close();
});

test('outbox.sql is what migrations() gives, and makes all that is needed', async () => {
  const file = readFileSync(new URL('../../packages/outbox/outbox.sql', import.meta.url), 'utf8');
  expect(file).toBe(outboxSql());
  await pool.query(file);
  await createOutbox().check(pool);
  await createInbox().check(pool);
});

/** Whoever has applied a migration must not have to apply it again: to change one is to add another. */
test('migrations that were published are not changed', () => {
  const digests = migrations().map(({ name, sql }) => [
    name,
    createHash('sha256').update(sql).digest('hex').slice(0, 16),
  ]);
  expect(digests).toMatchInlineSnapshot(`
    [
      [
        "0001-outbox",
        "5ea7203130dfde9a",
      ],
      [
        "0002-inbox",
        "ac7acf8a02896dda",
      ],
      [
        "0003-position",
        "55414fa9b3b282d7",
      ],
      [
        "0004-sequence",
        "883bd632ee1d3c58",
      ],
      [
        "0005-delay",
        "4fb0393500caaa28",
      ],
    ]
  `);
});

test('migrate() applies what is missing, once, also when several do it at the same time', async () => {
  const applied = await Promise.all(
    Array.from({ length: 4 }, async () => {
      await using one = await lent(pool);
      return await migrate(one.client);
    }),
  );
  expect(applied.flat()).toEqual(['0001-outbox', '0002-inbox', '0003-position', '0004-sequence', '0005-delay']);
});

test('what needs a migration that is missing names it at start', async () => {
  const vhost = await broker.vhost();
  await using rabbit = await connect({ url: vhost.url() });
  const missing = (name: string) => ({ code: 'SUREHOP_STORE_NOT_MIGRATED', message: expect.stringContaining(name) });
  await expect(createRelay(rabbit, postgresOutbox(pool))).rejects.toMatchObject(missing('0001-outbox'));
  await expect(createOutbox().check(pool)).rejects.toMatchObject(missing('0001-outbox'));
  await pool.query(migrations()[0]?.sql ?? '');
  await expect(createRelay(rabbit, postgresOutbox(pool))).rejects.toMatchObject(missing('0005-delay'));
  await expect(createOutbox().check(pool)).rejects.toMatchObject(missing('0005-delay'));
  await expect(createInbox().check(pool)).rejects.toMatchObject(missing('0002-inbox'));
  expect(rabbit.health().relays).toEqual([]);
  await rabbit.close();
  await vhost.close();
});

test('without a check it is told at the first message', async () => {
  await using one = await lent(pool);
  const publishing = transaction(one.client, (tx) => createOutbox().publish(tx, orders, 'x'));
  await expect(publishing).rejects.toMatchObject({ code: 'SUREHOP_STORE_NOT_MIGRATED' });
});

test('an outbox of an earlier release takes messages without a delay, and once it is migrated all of them', async () => {
  const vhost = await broker.vhost();
  await using rabbit = await connect({ url: vhost.url() });
  await using one = await lent(pool);
  for (const { sql } of migrations().slice(0, 4)) await pool.query(sql);
  const add = (messageId: string, delay = {}) =>
    transaction(one.client, (tx) => createOutbox().publish(tx, orders, 'x', { messageId, ...delay }));
  await add('before');
  await expect(add('delayed', { delayMs: 300 })).rejects.toMatchObject({
    code: 'SUREHOP_STORE_NOT_MIGRATED',
    message: expect.stringContaining('0005-delay'),
  });
  expect(await migrate(one.client)).toEqual(['0005-delay']);
  await add('delayed', { delayMs: 300 });
  const relay = await createRelay(rabbit, postgresOutbox(pool), { contracts: [orders] });
  await eventually(async () => expect(await vhost.messageIds('orders')).toEqual(['before', 'delayed']), 10_000);
  await relay.close();
  await rabbit.close();
  await vhost.close();
});

test('[schema] everything is in the schema that was asked for', async () => {
  const schema = 'Shop_1';
  await using one = await lent(pool);
  await migrate(one.client, { schema });
  await transaction(one.client, (tx) => createOutbox({ schema }).publish(tx, orders, 'x', { key: 'k' }));
  const { rows } = await pool.query('SELECT count(*)::int AS count FROM "Shop_1".outbox');
  expect(rows).toEqual([{ count: 1 }]);
  expect((await pool.query("SELECT FROM pg_namespace WHERE nspname = 'surehop'")).rowCount).toBe(0);
  expect((await postgresOutbox(pool, { schema }).stats()).depth).toBe(1);
});

test('[schema] refuses what is no plain name', () => {
  const code = { code: 'SUREHOP_OPTION_INVALID' };
  for (const schema of ['', 'a"b', 'a.b', '1a', 'x'.repeat(57)]) {
    expect(() => createOutbox({ schema })).toThrow(expect.objectContaining(code));
    expect(() => createInbox({ schema })).toThrow(expect.objectContaining(code));
    expect(() => outboxSql({ schema })).toThrow(expect.objectContaining(code));
  }
});
