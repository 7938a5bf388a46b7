import { migrate, type PoolClient } from '@surehop/outbox';
import { connect, type Rabbit } from '@surehop/publisher';
import { type Broker, type Database, FaultProxy, type Postgres, type Vhost } from '@surehop/testing';
import pg from 'pg';
import { keepingLogger, type Line } from '../connection/lines.ts';

/** A database of its own with the tables in it, and a pool. */
export interface Store extends AsyncDisposable {
  readonly database: Database;
  readonly pool: pg.Pool;
  /** One statement, outside any transaction. */
  rows<T>(text: string, params?: unknown[]): Promise<T[]>;
  /** Work in one transaction. */
  within<T>(work: (tx: pg.PoolClient) => Promise<T>): Promise<T>;
}

export async function openStore(postgres: Postgres, options: pg.PoolConfig = {}): Promise<Store> {
  const database = await postgres.database();
  const pool = poolOf(database, options);
  await using setUp = await lent(pool);
  await migrate(setUp.client);
  return {
    database,
    pool,
    rows: async <T>(text: string, params?: unknown[]) => (await pool.query(text, params)).rows as T[],
    within: async (work) => {
      await using one = await lent(pool);
      return await transaction(one.client, work);
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.close();
    },
  };
}

export function poolOf(database: Database, options: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ connectionString: database.url(), max: 10, ...options });
  pool.on('connect', (client) => client.on('error', () => {})); // whoever waits for an answer is told in any case
  pool.on('error', () => {}); // an idle connection was lost: the next one is asked for
  return pool;
}

export async function lent(pool: pg.Pool): Promise<AsyncDisposable & { readonly client: pg.PoolClient }> {
  const client = await pool.connect();
  return { client, [Symbol.asyncDispose]: async () => client.release() };
}

export async function transaction<C extends PoolClient, T>(client: C, work: (tx: C) => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** Broker and database, each to itself, with a proxy in front of both. */
export interface OutboxStage extends Store {
  readonly vhost: Vhost;
  readonly proxy: FaultProxy;
  readonly databaseProxy: FaultProxy;
  readonly rabbit: Rabbit;
  readonly lines: Line[];
}

export async function openStage(broker: Broker, postgres: Postgres): Promise<OutboxStage> {
  const store = await openStore(postgres);
  const vhost = await broker.vhost();
  const proxy = await FaultProxy.start(vhost);
  const databaseProxy = await FaultProxy.start(store.database);
  const { log, lines } = keepingLogger();
  const rabbit = await connect({ url: vhost.url(proxy.port), log });
  return {
    ...store,
    vhost,
    proxy,
    databaseProxy,
    rabbit,
    lines,
    async [Symbol.asyncDispose]() {
      await rabbit.close({ timeoutMs: 1_000 });
      await proxy.close();
      await databaseProxy.close();
      await vhost.close();
      await store[Symbol.asyncDispose]();
    },
  };
}
