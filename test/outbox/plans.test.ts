import { createInbox, type ReceivedMessage } from '@surehop/outbox';
import { attachPostgres } from '@surehop/testing';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { outboxStatements } from '../../packages/outbox/src/postgres/outbox-statements.ts';
import { openStore, type Store } from './stage.ts';

const postgres = attachPostgres(inject('postgres'));
const statements = outboxStatements('surehop', false);
let store: Store;

/** Much that was sent, some that waits: of few keys and of many, and without one; some that is retried or set aside. */
beforeAll(async () => {
  store = await openStore(postgres);
  await store.rows(`INSERT INTO surehop.outbox (message_id, key, exchange, routing_key, content, properties, sent_at)
    SELECT 's' || g, CASE WHEN g % 2 = 0 THEN 'k' || g % 5000 END, '', 'q', 'x', '{}', now() - g * interval '1 second'
    FROM generate_series(1, 40000) g`);
  await store.rows(`INSERT INTO surehop.outbox (message_id, key, exchange, routing_key, content, properties, due_at, set_aside_at)
    SELECT 'w' || g, CASE WHEN g % 3 = 0 THEN 'k' || g % 200 WHEN g % 3 = 1 THEN 'hot' END, '', 'q', 'x', '{}',
      CASE WHEN g % 7 = 0 THEN now() ELSE '-infinity' END, CASE WHEN g % 100 = 0 THEN now() END
    FROM generate_series(1, 20000) g`);
  await store.rows("INSERT INTO surehop.outbox_key SELECT 'k' || g FROM generate_series(1, 20000) g");
  await store.rows(
    "INSERT INTO surehop.inbox SELECT 'h', g::text, '', now() - g * interval '1 s' FROM generate_series(1, 20000) g",
  );
  await store.rows('VACUUM ANALYZE');
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await postgres.close();
});

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}

async function planOf(text: string, params: unknown[]): Promise<Plan[]> {
  return store.within(async (tx) => {
    const { rows } = await tx.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, params);
    await tx.query('ROLLBACK');
    await tx.query('BEGIN');
    const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];
    return nodes(rows[0]['QUERY PLAN'][0].Plan as Plan);
  });
}

const message = ['m', 'k1', '', 'q', Buffer.from('x'), '{}', null, true, true];
const soon = new Date(Date.now() - 36_000_000);

test.each<[string, string, unknown[]]>([
  ['add', statements.add, message],
  ['add with a delay', statements.addDelayed, [...message, 60_000]],
  ['add in order', statements.addInOrder, message],
  ['look at the same message', statements.sameMessage, ['s1', Buffer.from('x'), '', 'q']],
  ['take', statements.take, [500, 125, '', 100, 1_000_000, 3_600_000]],
  ['take, from the middle of the keys on', statements.take, [500, 125, 'k3', 100, 1_000_000, 3_600_000]],
  ['mark what was sent', statements.markSent, [['40001', '40002']]],
  ['mark what failed', statements.markFailed, [['40001'], ['X'], ['x'], [1], [false]]],
  ['remove what was sent', statements.removeSent, [soon, 1_000]],
  ['repair what is due too late', statements.repairDue, [3_600_000]],
  ['list what was set aside', statements.listSetAside, ['0', 100]],
  ['try again what was set aside', statements.retry, [['40001']]],
  ['discard what was set aside', statements.discard, [['40001']]],
])('no table is read from end to end to %s', async (_, text, params) => {
  const nodes = await planOf(text, params);
  const scans = nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name']);
  expect(scans).toEqual([]);
});

test('to take a batch reads in proportion to the batch and the keys, not to what waits', async () => {
  const nodes = await planOf(statements.take, [50, 12, '', 10, 1_000_000, 3_600_000]);
  const read = nodes
    .filter((node) => node['Relation Name'] === 'outbox')
    .map((node) => ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1));
  expect(read.reduce((one, other) => one + other, 0)).toBeLessThan(2_000);
});

test('the inbox finds a message, and what is old, by an index', async () => {
  const seen: Plan[] = [];
  const explaining = {
    query: async (text: string, params?: unknown[]) => {
      if (/surehop"?\.inbox/.test(text)) seen.push(...(await planOf(text, params ?? [])));
      return /extract/.test(text) ? store.pool.query(text) : { rows: [{ same: true, gone: 0 }] };
    },
  };
  const inbox = createInbox({ handler: 'h', retentionMs: 3_600_000 });
  const known = { properties: { messageId: '1' }, content: Buffer.from('x'), log: { info: () => {} } };
  await inbox.enter(explaining, known as unknown as ReceivedMessage<unknown>);
  await inbox.clean(explaining);
  expect(seen.length).toBeGreaterThan(2);
  expect(seen.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
});
