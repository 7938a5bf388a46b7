import { BrokerError } from '../errors.ts';
import { eventually } from '../eventually.ts';

type Pg = typeof import('pg');

const connectTimeoutMs = 5_000;
/** A pool that has ended may have connections that the server has not seen the end of: so long they may go by themselves. */
const leavingMs = 500;

async function load(): Promise<Pg> {
  try {
    return (await import('pg')).default as unknown as Pg;
  } catch (cause) {
    throw new BrokerError('The package pg is not installed.', { cause });
  }
}

/** Runs one statement on a connection of its own. */
export async function administer(url: string, text: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { Client } = await load();
  const client = new Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs });
  client.on('error', () => {}); // the statement then fails, and tells
  try {
    await client.connect();
    return (await client.query(text)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** For example `15.20`. */
export async function versionAt(url: string): Promise<string> {
  const [row] = await administer(url, 'SHOW server_version');
  return String(row?.server_version).split(' ', 1)[0] ?? '';
}

export async function createDatabase(url: string, name: string): Promise<void> {
  await administer(url, `CREATE DATABASE "${name}" TEMPLATE template0`);
}

/** With the connections that are left on it after 0.5 s. One that does not exist is no error. */
export async function dropDatabase(url: string, name: string): Promise<void> {
  await eventually(async () => {
    const left = await administer(url, `SELECT FROM pg_stat_activity WHERE datname = '${name}'`);
    if (left.length > 0) throw new Error(`${left.length} connections are left`);
  }, leavingMs).catch(() => undefined); // what keeps it from being asked keeps it from being dropped, and tells then
  await administer(url, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
}

export async function dropPrefixed(url: string, prefix: string): Promise<void> {
  const rows = await administer(url, `SELECT datname FROM pg_database WHERE starts_with(datname, '${prefix}')`);
  for (const { datname } of rows) await dropDatabase(url, String(datname));
}
