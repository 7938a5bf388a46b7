import {
  attachPostgres,
  BrokerError,
  eventually,
  FaultProxy,
  PostgresUnavailableError,
  startPostgres,
} from '@surehop/testing';
import pg from 'pg';
import { afterAll, expect, inject, test } from 'vitest';

const postgres = attachPostgres(inject('postgres'));
const silent = (): void => {};

afterAll(() => postgres.close());

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test('each database is new, and gone when it is closed, with those who are still connected', async () => {
  const [one, other] = [await postgres.database(), await postgres.database()];
  await query(one.url(), 'CREATE TABLE t (x int)');
  expect(await query(other.url(), "SELECT to_regclass('t') AS t")).toEqual([{ t: null }]);
  const client = new pg.Client({ connectionString: one.url() });
  client.on('error', () => {});
  await client.connect();
  await one.close();
  await one.close();
  await expect(query(one.url(), 'SELECT 1')).rejects.toThrow('does not exist');
  await client.end().catch(() => {});
  await other.close();
});

test('who is just leaving a database is left the time to', async () => {
  const database = await postgres.database();
  const client = new pg.Client({ connectionString: database.url() });
  const errors: Error[] = [];
  client.on('error', (error) => errors.push(error));
  await client.connect();
  const closed = database.close();
  const leaving = new Promise((resolve) => setTimeout(() => resolve(client.end()), 150));
  await Promise.all([closed, leaving]);
  expect(errors).toEqual([]);
});

test('DATABASE_URL is used through databases of our own, which are dropped at the end', async () => {
  const { url } = postgres.definition();
  const lines: string[] = [];
  const given = await startPostgres({ env: { DATABASE_URL: url }, log: (line) => lines.push(line) });
  expect(given).toMatchObject({ way: 'url', canRestart: false });
  expect(lines).toEqual([given.description]);
  await expect(given.kill()).rejects.toThrow(BrokerError);
  const database = await given.database();
  await given.close();
  const left = await query(url, `SELECT FROM pg_database WHERE datname = '${database.name}'`);
  expect(left).toEqual([]);
});

test('tells what is wrong with DATABASE_URL', async () => {
  const start = (DATABASE_URL: string) => startPostgres({ kind: 'url', env: { DATABASE_URL }, log: silent });
  await expect(start('')).rejects.toThrow('not set');
  await expect(start('mysql://localhost')).rejects.toThrow('no postgresql: URL');
  await expect(start('postgresql://nobody@127.0.0.1:1/x')).rejects.toThrow('cannot be used');
});

test('names a way that there is not', async () => {
  await expect(startPostgres({ env: { SUREHOP_POSTGRES: 'magic' }, log: silent })).rejects.toThrow('magic');
  await expect(startPostgres({ kind: 'container', settings: {}, log: silent })).rejects.toThrow(BrokerError);
  expect(new PostgresUnavailableError(['url: none']).message).toContain('DATABASE_URL');
});

test('a private server keeps what was committed through kill() and stop(), behind a proxy too', async () => {
  await using own = await startPostgres({ kind: 'server', log: silent });
  const database = await own.database();
  await using proxy = await FaultProxy.start(database);
  const url = database.url(proxy.port);
  await query(url, 'CREATE TABLE t AS SELECT 1 AS x');
  for (const end of ['kill', 'stop'] as const) {
    await own[end]();
    await expect(query(url, 'SELECT 1')).rejects.toThrow();
    await own.start();
    await own.start();
    await eventually(async () => expect(await query(url, 'SELECT x FROM t')).toEqual([{ x: 1 }]));
  }
});
