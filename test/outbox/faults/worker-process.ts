// A worker in a process of its own, to be killed: of each message it writes one row, with the inbox.
import { createConsumer } from '@surehop/consumer';
import { createInbox } from '@surehop/outbox';
import { connect } from '@surehop/publisher';
import pg from 'pg';
import { keepingLogger } from '../../connection/lines.ts';
import { orders } from './contract.ts';
import type { Assignment } from './processes.ts';

const { amqpUrl, databaseUrl, concurrency } = JSON.parse(process.argv[2] ?? '') as Assignment;
process.once('disconnect', () => process.exit(1));

const pool = new pg.Pool({ connectionString: databaseUrl, max: concurrency + 1, connectionTimeoutMillis: 5_000 });
pool.on('error', () => {});
const rabbit = await connect({ url: amqpUrl, heartbeatSeconds: 2, waitMs: 60_000, log: keepingLogger().log });
const handler = createInbox().handle<{ readonly id: string }, pg.PoolClient>(pool, ({ body }, tx) =>
  tx.query('INSERT INTO effect (id) VALUES ($1)', [body.id]),
);
await createConsumer(rabbit, orders, handler, { concurrency });
process.send?.('ready');
