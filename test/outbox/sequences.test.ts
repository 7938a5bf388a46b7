import { createOutbox, defineQueue, isSurehopError, postgresPositions } from '@surehop/outbox';
import { attachPostgres } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { lent, openStore, type Store } from './stage.ts';

const postgres = attachPostgres(inject('postgres'));
const orders = defineQueue<number>('orders');
const outbox = createOutbox();
let store: Store;

beforeAll(async () => {
  store = await openStore(postgres);
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await postgres.close();
});

/** What the outbox holds of one sequence, in the order of its positions. */
async function numbersOf(key: string): Promise<(readonly [body: string, number: unknown])[]> {
  const rows = await store.rows<{ content: Buffer; headers: Record<string, unknown> }>(
    "SELECT content, headers FROM surehop.outbox WHERE headers->>'surehop-sequence-key' = $1 ORDER BY position",
    [key],
  );
  return rows.map(({ content, headers }) => [content.toString(), headers['surehop-sequence']]);
}

describe('outbox.publish() with a sequence', () => {
  const publish = (body: number, sequence: string, messageId?: string) =>
    store.within((tx) =>
      outbox.publish(tx, orders, body, messageId === undefined ? { sequence } : { sequence, messageId }),
    );

  test('numbers the messages of each sequence; a transaction that is rolled back leaves no gap', async () => {
    await publish(1, 'a');
    const rolledBack = store.within(async (tx) => {
      await outbox.publish(tx, orders, 2, { sequence: 'a' });
      throw new Error('changed its mind');
    });
    await expect(rolledBack).rejects.toThrow('changed its mind');
    await publish(3, 'a');
    await publish(4, 'b');
    expect([await numbersOf('a'), await numbersOf('b')]).toEqual([
      [
        ['1', 1],
        ['3', 2],
      ],
      [['4', 1]],
    ]);
    const runs = await store.rows("SELECT DISTINCT headers->>'surehop-sequence-run' AS run FROM surehop.outbox");
    expect(runs).toHaveLength(2);
  });

  test('gives no two messages one number, and none away, when transactions are many at once', async () => {
    const bodies = Array.from({ length: 40 }, (_, index) => index);
    const attempts = bodies.map((body) =>
      store
        .within(async (tx) => {
          await outbox.publish(tx, orders, body, { sequence: 'many' });
          if (body % 4 === 0) throw new Error('no');
        })
        .catch(() => undefined),
    );
    await Promise.all(attempts);
    const numbers = (await numbersOf('many')).map(([, number]) => Number(number)).toSorted((one, other) => one - other);
    expect(numbers).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  });

  test('gives the number back of a message that is there already, or is refused', async () => {
    await publish(1, 'again', 'again-1');
    await store.within(async (tx) => {
      const again = await outbox.publish(tx, orders, 1, { sequence: 'again', messageId: 'again-1' });
      expect(again.isNew).toBe(false);
      const reused = await outbox
        .publish(tx, orders, 9, { sequence: 'again', messageId: 'again-1' })
        .catch((error: unknown) => error);
      expect(isSurehopError(reused, 'SUREHOP_MESSAGE_ID_REUSED')).toBe(true);
    });
    await publish(2, 'again');
    expect(await numbersOf('again')).toEqual([
      ['1', 1],
      ['2', 2],
    ]);
  });

  test('takes no number outside a transaction', async () => {
    await using one = await lent(store.pool);
    const outside = outbox.publish(one.client, orders, 1, { sequence: 'outside' });
    await expect(outside).rejects.toMatchObject({ code: 'SUREHOP_TRANSACTION_UNUSABLE' });
    await publish(2, 'outside');
    expect(await numbersOf('outside')).toEqual([['2', 1]]);
  });

  test.each([
    ['', /sequence must be a string/],
    ['a\0', /must not contain NUL/],
  ])('refuses %j', async (sequence, why) => {
    const refused = store.within((tx) => outbox.publish(tx, orders, 1, { sequence }));
    await expect(refused).rejects.toThrow(why);
  });
});

describe('postgresPositions()', () => {
  test('keeps the largest, also of many that save at once', async () => {
    const positions = postgresPositions(store.pool);
    expect(await positions.load('one')).toBeUndefined();
    await Promise.all([5, 9, 2, 7].map((position) => positions.save('one', position)));
    await positions.save('one', 3);
    await positions.save('two', Number.MAX_SAFE_INTEGER);
    expect(await postgresPositions(store.pool).load('one')).toBe(9);
    expect(await positions.load('two')).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('says what is wrong: a number that is no position, a schema without the table, what is no pool', async () => {
    const positions = postgresPositions(store.pool);
    await expect(positions.save('one', -1)).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    const elsewhere = postgresPositions(store.pool, { schema: 'elsewhere' });
    await expect(elsewhere.load('one')).rejects.toMatchObject({ code: 'SUREHOP_STORE_NOT_MIGRATED' });
    expect(() => postgresPositions({} as never)).toThrow(/needs something with query/);
  });
});
