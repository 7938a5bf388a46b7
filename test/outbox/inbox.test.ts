import { createConsumer } from '@surehop/consumer';
import {
  createInbox,
  defineQueue,
  type InboxHandler,
  type InboxOptions,
  type PoolClient,
  type ReceivedMessage,
} from '@surehop/outbox';
import { createPublisher } from '@surehop/publisher';
import { attachBroker, attachPostgres, eventually } from '@surehop/testing';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { gate, sendJson } from '../consuming/stage.ts';
import { openStage, openStore, poolOf, type Store } from './stage.ts';

const broker = attachBroker(inject('broker'));
const postgres = attachPostgres(inject('postgres'));
let store: Store;

beforeAll(async () => {
  store = await openStore(postgres);
  await store.rows('CREATE TABLE effect (id text, number int)');
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await broker.close();
  await postgres.close();
});

function message(messageId: string | undefined, body = 'x', queue = 'orders'): ReceivedMessage<string> {
  const log = { info: () => {}, warn: () => {} };
  const properties = messageId === undefined ? {} : { messageId };
  return { properties, content: Buffer.from(body), body, queue, log } as unknown as ReceivedMessage<string>;
}

const insert: InboxHandler<string, PoolClient> = async ({ properties }, tx) => {
  await tx.query('INSERT INTO effect VALUES ($1)', [properties.messageId]);
};

async function effects(id: string): Promise<number> {
  const [row] = await store.rows<{ count: number }>('SELECT count(*)::int FROM effect WHERE id = $1', [id]);
  return row?.count ?? 0;
}

function handling(options: InboxOptions = {}, handler = insert, pool: pg.Pool = store.pool) {
  return createInbox(options).handle<string, pg.PoolClient>(pool, handler);
}

describe('inbox.handle()', () => {
  test('a message has its effect once, however often it comes', async () => {
    const handle = handling();
    for (let times = 0; times < 3; times += 1) await handle(message('once'));
    expect(await effects('once')).toBe(1);
  });

  test('costs one statement beside the transaction, and one more for a duplicate', async () => {
    const texts: string[] = [];
    const client = await store.pool.connect();
    const counting: PoolClient = {
      query: (text, params) => {
        texts.push(text.trim().split(/\s/, 1)[0] ?? '');
        return client.query(text, params);
      },
      release: () => {},
      on: () => {},
      off: () => {},
    };
    const inbox = createInbox();
    // The first look after what is old is over.
    await inbox.handle(store.pool, () => {})(message('warm'));
    await inbox.handle({ connect: async () => counting }, () => {})(message('counted'));
    expect(texts).toEqual(['BEGIN', 'INSERT', 'COMMIT']);
    texts.length = 0;
    await inbox.handle({ connect: async () => counting }, () => {})(message('counted'));
    expect(texts).toEqual(['BEGIN', 'INSERT', 'SELECT', 'COMMIT']);
    client.release();
  });

  test('what a handler wrote before it failed is undone, and the message may come again', async () => {
    let isFailing = true;
    const handle = handling({}, async (given, tx) => {
      await insert(given, tx);
      if (isFailing) throw new Error('not yet');
    });
    await expect(handle(message('again'))).rejects.toThrow('not yet');
    expect(await effects('again')).toBe(0);
    isFailing = false;
    await handle(message('again'));
    expect(await effects('again')).toBe(1);
  });

  test('a duplicate waits while the first is handled: it is nothing when that one succeeds, and its turn when that one fails', async () => {
    for (const outcome of ['succeeds', 'fails'] as const) {
      const { opened, open } = gate();
      let begun = 0;
      const handle = handling({}, async (given, tx) => {
        begun += 1;
        const isFirst = begun === 1;
        await insert(given, tx);
        if (isFirst) await opened;
        if (isFirst && outcome === 'fails') throw new Error('failed');
      });
      const first = Promise.resolve(handle(message(outcome))).catch(() => {});
      await eventually(() => expect(begun).toBe(1));
      const second = handle(message(outcome));
      await eventually(async () => {
        const waiting = await store.rows(
          "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        );
        expect(waiting).toHaveLength(1);
      });
      expect(begun).toBe(1);
      open();
      await Promise.all([first, second]);
      expect(begun).toBe(outcome === 'fails' ? 2 : 1);
      expect(await effects(outcome)).toBe(1);
    }
  });

  test('[handler] each handler has the effect of a message once', async () => {
    for (const handler of ['billing', 'mailing', 'billing']) await handling({ handler })(message('shared'));
    for (const queue of ['a', 'b', 'a']) await handling()(message('shared', 'x', queue));
    expect(await effects('shared')).toBe(4);
  });

  test('another body under an id that was handled is a dead letter, not a silent duplicate', async () => {
    await handling()(message('reused', 'one'));
    const handled = handling()(message('reused', 'two'));
    await expect(handled).rejects.toMatchObject({
      kind: 'surehop.dead-letter',
      cause: { code: 'SUREHOP_MESSAGE_ID_REUSED' },
    });
    expect(await effects('reused')).toBe(1);
  });

  test('[idOf] a message without an id is a dead letter, unless something else stands for it', async () => {
    await expect(handling()(message(undefined))).rejects.toMatchObject({
      cause: { code: 'SUREHOP_MESSAGE_ID_MISSING' },
    });
    let handled = 0;
    const handle = handling({ idOf: ({ body }) => `body ${String(body)}` }, () => {
      handled += 1;
    });
    for (const body of ['a', 'b', 'a']) await handle(message(undefined, body));
    expect(handled).toBe(2);
  });

  test('a handler that hides the failure of its statement does not count as done', async () => {
    const handle = handling({}, async (given, tx) => {
      await insert(given, tx);
      await tx.query('SELECT 1/0').catch(() => {});
    });
    await expect(handle(message('hidden'))).rejects.toMatchObject({ code: 'SUREHOP_TRANSACTION_UNUSABLE' });
    expect(await effects('hidden')).toBe(0);
  });

  test('a connection that is lost meanwhile fails the message and nothing else', async () => {
    const handle = handling({}, async (given, tx) => {
      await insert(given, tx);
      const { rows } = (await tx.query('SELECT pg_backend_pid() AS pid')) as { rows: { pid: number }[] };
      await store.rows('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    });
    await expect(handle(message('cut'))).rejects.toMatchObject({ code: 'SUREHOP_STORE_UNAVAILABLE', retryable: true });
    expect(await effects('cut')).toBe(0);
    await handling()(message('cut'));
    expect(await effects('cut')).toBe(1);
  });

  test('[clientTimeoutMs] a pool without a free client is an error, and the client that comes late goes back', async () => {
    const pool = poolOf(store.database, { max: 1 });
    const taken = await pool.connect();
    const handle = handling({ clientTimeoutMs: 50 }, insert, pool);
    await expect(handle(message('no client'))).rejects.toMatchObject({
      code: 'SUREHOP_POOL_EXHAUSTED',
      retryable: true,
    });
    taken.release();
    await handle(message('no client'));
    expect(await effects('no client')).toBe(1);
    await pool.end();
  });

  test('[retentionMs] what is old is forgotten, and nothing else', async () => {
    const inbox = createInbox({ retentionMs: 3_600_000 });
    await store.rows(
      "INSERT INTO surehop.inbox SELECT 'h', g::text, '', now() - interval '2 hours' FROM generate_series(1, 2500) g",
    );
    await handling()(message('young'));
    expect(await inbox.clean(store.pool)).toBe(2_500);
    const left = await store.rows("SELECT message_id FROM surehop.inbox WHERE handler = 'h'");
    expect(left).toEqual([]);
    await handling()(message('young'));
    expect(await effects('young')).toBe(1);
  });

  test('needs its table', async () => {
    await using empty = await postgres.database();
    const pool = poolOf(empty);
    await expect(handling({}, insert, pool)(message('m'))).rejects.toMatchObject({
      code: 'SUREHOP_STORE_NOT_MIGRATED',
      message: expect.stringContaining('0002-inbox'),
    });
    await pool.end();
  });
});

test('with a consumer: resent, redelivered and reused messages, end to end', async () => {
  await using stage = await openStage(broker, postgres);
  await stage.rows('CREATE TABLE effect (id text)');
  const orders = defineQueue<string>('orders', { retry: { delaysMs: [10] } });
  let failures = 0;
  const handler = createInbox().handle<string, pg.PoolClient>(stage.pool, async (given, tx) => {
    await insert(given, tx);
    if (given.body === 'b' && given.attempt === 1) {
      failures += 1;
      throw new Error('once');
    }
  });
  await createConsumer(stage.rabbit, orders, handler);
  const publisher = createPublisher(stage.rabbit);
  for (const id of ['a', 'b', 'a', 'b']) await publisher.publish(orders, id, { messageId: id });
  await sendJson(stage.vhost, 'orders', ['other'], { messageId: 'a' });
  await sendJson(stage.vhost, 'orders', ['nameless']);
  await eventually(async () => expect(await stage.vhost.messages('orders.dead-letter')).toBe(2), 10_000);
  await eventually(async () => expect(await stage.vhost.messages('orders')).toBe(0));
  await eventually(async () =>
    expect(await stage.rows('SELECT id FROM effect ORDER BY id')).toEqual([{ id: 'a' }, { id: 'b' }]),
  );
  expect(failures).toBeGreaterThan(0);
});
