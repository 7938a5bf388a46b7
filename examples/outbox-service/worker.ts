// Ships each order once: the shipment is written in the transaction in which the inbox notes the message.
import { connect, createConsumer } from '@surehop/consumer';
import { createInbox } from '@surehop/outbox';
import type pg from 'pg';
import { pino } from 'pino';
import { type Order, orders } from './contracts.ts';
import { openDatabase } from './database.ts';

const {
  AMQP_URL = 'amqp://guest:guest@localhost:5672',
  DATABASE_URL = 'postgresql://postgres:postgres@localhost:5432/postgres',
} = process.env;
const log = pino({ name: 'outbox-worker' });
const concurrency = 20;

const pool = await openDatabase(DATABASE_URL, concurrency + 1, log);
const rabbit = await connect({ url: AMQP_URL, name: 'outbox-worker', waitMs: 60_000, log });
const ship = createInbox().handle<Order, pg.PoolClient>(pool, ({ body }, tx) =>
  tx.query('INSERT INTO shipment (order_id) VALUES ($1)', [body.id]),
);

let isStopping = false;
// Before there can be messages in hand: the first may be shipped before the broker has said that it hands them out.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));
try {
  await createConsumer(rabbit, orders, ship, { concurrency });
  log.info({}, 'working');
} catch (error) {
  if (!isStopping) throw error; // otherwise it was closed while it started
}

async function stop(signal: string): Promise<void> {
  isStopping = true;
  log.info({ signal }, 'stopping');
  await rabbit.close();
  await pool.end();
  log.info({}, 'stopped');
}
