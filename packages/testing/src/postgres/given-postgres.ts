import { randomBytes } from 'node:crypto';
import { BrokerError } from '../errors.ts';
import { Reaper } from '../reaper.ts';
import { administer } from './administration.ts';
import { LivePostgres } from './live-postgres.ts';
import type { Postgres } from './postgres.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Uses the server that `DATABASE_URL` names, through databases of its own. Nothing else on it is touched.
 *
 * @throws {BrokerError} it cannot be used, with what is missing
 */
export async function useGivenPostgres({ DATABASE_URL = '' }: Environment): Promise<Postgres> {
  if (DATABASE_URL === '') throw new BrokerError('DATABASE_URL is not set.');
  const url = URL.canParse(DATABASE_URL) ? new URL(DATABASE_URL) : undefined;
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new BrokerError(
      'DATABASE_URL is no postgresql: URL. Write it like postgresql://user:secret@localhost:5432/postgres.',
    );
  }
  const where = `${url.hostname}:${url.port || 5432}`;
  const version = await usableVersion(url.href, where);
  const prefix = `surehop_${randomBytes(4).toString('hex')}_`;
  const reaper = new Reaper();
  reaper.add({ kind: 'databases', url: url.href, prefix });
  const description = `PostgreSQL ${version} at ${where}, from DATABASE_URL, with databases of our own`;
  const definition = { version, way: 'url', description, url: url.href, prefix } as const;
  return new LivePostgres({ definition, end: () => reaper.close() });
}

async function usableVersion(url: string, where: string): Promise<string> {
  let row: Readonly<Record<string, unknown>> | undefined;
  try {
    [row] = await administer(
      url,
      `SELECT current_setting('server_version') AS version,
        (SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user) AS may_create`,
    );
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BrokerError(`PostgreSQL at ${where}, where DATABASE_URL leads, cannot be used: ${reason}`, { cause });
  }
  if (row?.may_create !== true) throw new BrokerError('The role of DATABASE_URL may not create databases (CREATEDB).');
  return String(row.version).split(' ', 1)[0] ?? '';
}
