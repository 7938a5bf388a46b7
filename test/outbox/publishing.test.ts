import { createOutbox, defineExchange, defineQueue, isSurehopError, type Queryable } from '@surehop/outbox';
import { attachPostgres, eventually } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { lent, openStore, type Store } from './stage.ts';

const postgres = attachPostgres(inject('postgres'));
const orders = defineQueue('orders', { schema: z.object({ id: z.string() }) });
const outbox = createOutbox();
let store: Store;

beforeAll(async () => {
  store = await openStore(postgres);
  await store.rows('CREATE TABLE purchase (id text PRIMARY KEY)');
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await postgres.close();
});

function idsInOutbox(): Promise<string[]> {
  return store
    .rows<{ message_id: string }>('SELECT message_id FROM surehop.outbox ORDER BY position')
    .then((rows) => rows.map(({ message_id }) => message_id));
}

/** The same, with every statement's text kept. */
function counted(tx: Queryable): { readonly tx: Queryable; readonly texts: string[] } {
  const texts: string[] = [];
  const query: Queryable['query'] = (text, params) => {
    texts.push(text);
    return tx.query(text, params);
  };
  return { tx: { query }, texts };
}

describe('outbox.publish()', () => {
  test('a message is there when the transaction commits, and not before', async () => {
    await store.within(async (tx) => {
      await tx.query("INSERT INTO purchase VALUES ('c1')");
      const receipt = await outbox.publish(tx, orders, { id: 'c1' }, { messageId: 'c1' });
      expect(receipt).toEqual({ messageId: 'c1', isNew: true });
      expect(await idsInOutbox()).not.toContain('c1');
    });
    expect(await idsInOutbox()).toContain('c1');
  });

  test('a message of a transaction that is rolled back never exists', async () => {
    const failing = store.within(async (tx) => {
      await tx.query("INSERT INTO purchase VALUES ('r1')");
      await outbox.publish(tx, orders, { id: 'r1' }, { messageId: 'r1', key: 'r' });
      throw new Error('changed its mind');
    });
    await expect(failing).rejects.toThrow('changed its mind');
    expect(await idsInOutbox()).not.toContain('r1');
  });

  test.each([undefined, 'some key'])(
    'costs one statement after the first write of a transaction, with key %s',
    async (key) => {
      await store.within(async (given) => {
        const { tx, texts } = counted(given);
        await given.query('INSERT INTO purchase VALUES ($1)', [`one-${key}`]);
        for (const number of [1, 2, 3]) await outbox.publish(tx, orders, { id: String(number) }, key ? { key } : {});
        expect(texts).toHaveLength(3);
      });
    },
  );

  test('may be the first that a transaction writes', async () => {
    await store.within((tx) => outbox.publish(tx, orders, { id: 'f1' }, { messageId: 'f1' }));
    expect(await idsInOutbox()).toContain('f1');
  });

  test('refuses a pool, and a client without a transaction', async () => {
    await using one = await lent(store.pool);
    for (const tx of [store.pool, one.client]) {
      const publishing = outbox.publish(tx, orders, { id: 'p1' }, { messageId: 'p1' });
      await expect(publishing).rejects.toMatchObject({ code: 'SUREHOP_TRANSACTION_UNUSABLE', retryable: false });
    }
    expect(await idsInOutbox()).not.toContain('p1');
  });

  test('refuses a transaction that was rolled back, that has failed, and a client that was given back', async () => {
    const client = await store.pool.connect();
    await client.query('BEGIN');
    await client.query("INSERT INTO purchase VALUES ('gone')");
    await client.query('ROLLBACK');
    const refused = { code: 'SUREHOP_TRANSACTION_UNUSABLE' };
    await expect(outbox.publish(client, orders, { id: 'x1' }, { key: 'x' })).rejects.toMatchObject(refused);
    await client.query('BEGIN');
    await client.query('SELECT 1/0').catch(() => {});
    await expect(outbox.publish(client, orders, { id: 'x2' })).rejects.toMatchObject(refused);
    await client.query('ROLLBACK');
    client.release();
    await expect(outbox.publish(client, orders, { id: 'x3' })).rejects.toMatchObject(refused);
  });

  test('the same id with the same body is stored once; with another body it is an error that leaves the transaction sound', async () => {
    const receipts = await store.within(async (tx) => {
      const first = await outbox.publish(tx, orders, { id: 'd' }, { messageId: 'd1' });
      return [first, await outbox.publish(tx, orders, { id: 'd' }, { messageId: 'd1' })];
    });
    expect(receipts.map(({ isNew }) => isNew)).toEqual([true, false]);
    await store.within(async (tx) => {
      const other = outbox.publish(tx, orders, { id: 'other' }, { messageId: 'd1' });
      await expect(other).rejects.toMatchObject({ code: 'SUREHOP_MESSAGE_ID_REUSED' });
      const elsewhere = outbox.publish(tx, defineQueue<{ id: string }>('other'), { id: 'd' }, { messageId: 'd1' });
      await expect(elsewhere).rejects.toMatchObject({ code: 'SUREHOP_MESSAGE_ID_REUSED' });
      await outbox.publish(tx, orders, { id: 'd2' }, { messageId: 'd2' });
    });
    expect((await idsInOutbox()).filter((id) => id.startsWith('d'))).toEqual(['d1', 'd2']);
  });

  test('what could never be sent is refused, and the transaction goes on', async () => {
    const shop = defineExchange<unknown>('shop', { type: 'topic' });
    await store.within(async (tx) => {
      const cases = [
        [outbox.publish(tx, orders, { id: 1 } as never), 'SUREHOP_BODY_INVALID'],
        [outbox.publish(tx, shop, {}), 'SUREHOP_OPTION_INVALID'],
        [outbox.publish(tx, shop, 1n, { routingKey: 'a' }), 'SUREHOP_BODY_UNENCODABLE'],
        [outbox.publish(tx, shop, 'x', { routingKey: 'a'.repeat(300) }), 'SUREHOP_PROPERTIES_INVALID'],
        [outbox.publish(tx, shop, 'x', { routingKey: 'a\0' }), 'SUREHOP_OPTION_INVALID'],
        [outbox.publish(tx, shop, 'x', { routingKey: 'a', messageId: 'a\0' }), 'SUREHOP_OPTION_INVALID'],
        [outbox.publish(tx, shop, 'x', { routingKey: 'a', headers: { at: new Date() } }), 'SUREHOP_PROPERTIES_INVALID'],
        [
          outbox.publish(tx, shop, 'x', { routingKey: 'a', headers: { x: 'x'.repeat(61_000) } }),
          'SUREHOP_HEADERS_TOO_LARGE',
        ],
        [outbox.publish(tx, shop, 'x', { routingKey: 'a', key: '' }), 'SUREHOP_OPTION_INVALID'],
        [outbox.publish(tx, shop, 'x', { routingKey: 'a', kee: 'k' } as never), 'SUREHOP_OPTION_INVALID'],
        [
          createOutbox({ maxMessageBytes: 10 }).publish(tx, shop, 'x'.repeat(10), { routingKey: 'a' }),
          'SUREHOP_MESSAGE_TOO_LARGE',
        ],
      ] as const;
      const codes = (await Promise.allSettled(cases.map(([publishing]) => publishing))).map((result) =>
        result.status === 'rejected' && isSurehopError(result.reason) ? result.reason.code : result,
      );
      expect(codes).toEqual(cases.map(([, code]) => code));
      await outbox.publish(tx, orders, { id: 'g1' }, { messageId: 'g1' });
    });
    expect(await idsInOutbox()).toContain('g1');
  });

  test('a serialization failure stays what the driver made of it: whoever repeats transactions looks for it', async () => {
    await using other = await lent(store.pool);
    const failing = store.within(async (tx) => {
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await tx.query('SELECT * FROM purchase');
      await other.client.query('BEGIN');
      await outbox.publish(other.client, orders, { id: 's1' }, { key: 'contended' });
      await other.client.query('COMMIT');
      await outbox.publish(tx, orders, { id: 's2' }, { key: 'contended' });
    });
    await expect(failing).rejects.toMatchObject({ code: '40001' });
  });

  test('positions of a key are in the order of the commits, whoever began first', async () => {
    const commits: string[] = [];
    const add = async (id: string): Promise<void> => {
      await store.within(async (tx) => {
        await tx.query('SELECT 1');
        await outbox.publish(tx, orders, { id }, { messageId: id, key: 'ordered' });
        commits.push(id); // others wait for us now: nobody of this key can come in between
      });
    };
    await Promise.all(Array.from({ length: 60 }, (_, number) => add(`o${number}`)));
    expect((await idsInOutbox()).filter((id) => /^o\d/.test(id))).toEqual(commits);
  });

  test('whoever adds to a key waits for those who did and have not ended', async () => {
    await using first = await lent(store.pool);
    await first.client.query('BEGIN');
    await outbox.publish(first.client, orders, { id: '1' }, { messageId: 'w1', key: 'waiting' });
    const second = store.within((tx) => outbox.publish(tx, orders, { id: '2' }, { messageId: 'w2', key: 'waiting' }));
    await store.within((tx) => outbox.publish(tx, orders, { id: '3' }, { messageId: 'w3', key: 'another' }));
    await eventually(async () => {
      const waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
      expect(await store.rows(waiting)).toHaveLength(1);
    });
    await first.client.query('COMMIT');
    await second;
    const rows = "SELECT message_id FROM surehop.outbox WHERE key = 'waiting' ORDER BY position";
    expect(await store.rows(rows)).toEqual([{ message_id: 'w1' }, { message_id: 'w2' }]);
  });
});
