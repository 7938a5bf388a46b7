import { migrate } from '@surehop/outbox';
import pg from 'pg';
import { type Logger, pino } from 'pino';

// The lock is held until the statements are committed: of services that start at once, one makes the tables.
const tables = `
  SELECT pg_advisory_xact_lock(1);
  CREATE TABLE IF NOT EXISTS purchase (id text PRIMARY KEY, item text NOT NULL, quantity int NOT NULL);
  -- No unique key keeps an order from being shipped twice: the inbox does.
  CREATE TABLE IF NOT EXISTS shipment (number bigserial PRIMARY KEY, order_id text NOT NULL);
`;

/** A pool on a database that has its tables. A service with a migration tool leaves them to it: outbox.sql is plain SQL. */
export async function openDatabase(connectionString: string, max: number, log: Logger = pino()): Promise<pg.Pool> {
  const pool = new pg.Pool({ connectionString, max, connectionTimeoutMillis: 5_000, keepAlive: true });
  // Whoever waits for an answer is told in any case; without a listener, a lost connection would end the process.
  pool.on('connect', (client) => client.on('error', () => {}));
  pool.on('error', (error) => log.warn({ err: error }, 'an idle connection to the database was lost'));
  const client = await pool.connect();
  try {
    await migrate(client);
    await client.query(tables); // statements of one query are one transaction
  } finally {
    client.release();
  }
  return pool;
}

/** Commits what `work` did, or nothing of it. */
export async function transaction<T>(pool: pg.Pool, work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let isBroken = true;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    isBroken = false;
    return result;
  } catch (error) {
    isBroken = !(await client.query('ROLLBACK').then(
      () => true,
      () => false,
    ));
    throw error;
  } finally {
    client.release(isBroken);
  }
}
