import { installOnDebian } from '../debian.ts';
import { BrokerError, PostgresUnavailableError } from '../errors.ts';
import { startContainerPostgres } from './container-postgres.ts';
import { useGivenPostgres } from './given-postgres.ts';
import { LivePostgres } from './live-postgres.ts';
import type { Postgres, PostgresDefinition, PostgresWay, StartPostgresOptions } from './postgres.ts';
import { startPrivatePostgres } from './private-postgres.ts';
import { findServerPrograms, type ServerPrograms } from './server-programs.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Log = (line: string) => void;

const allWays: readonly PostgresWay[] = ['url', 'container', 'server'];

/**
 * Gives a running PostgreSQL, by the first way that works: the one that `DATABASE_URL` names, through databases of its
 * own; a container; a private server of the programs that are installed, with a folder and a port of its own; and on
 * Debian and Ubuntu, with root or a sudo that asks for no password, one of the distribution's package, installed for it.
 * `kind`, or the environment's `SUREHOP_POSTGRES`, names the only way to try.
 *
 * What it starts is gone after `close()`, and also after the end of this process, however it ends.
 *
 * @throws {BrokerError} an option or a variable makes no sense, or the only way that was to be tried does not work
 * @throws {PostgresUnavailableError} no way works, with the reason for each
 */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<Postgres> {
  const { env = process.env, log = toStandardError } = options;
  const ways = waysFor(options, env);
  const reasons: string[] = [];
  for (const way of ways) {
    try {
      const postgres = await start(way, options, env, log);
      log(postgres.description);
      return postgres;
    } catch (error) {
      if (!(error instanceof BrokerError) || ways.length === 1) throw error;
      reasons.push(`${way}: ${error.message}`);
      if (way === 'url' && env.DATABASE_URL) log(`${error.message} Trying the next way.`);
    }
  }
  throw new PostgresUnavailableError(reasons);
}

/** Uses a server that another process of the same run has started. Closing it drops the databases made through it. */
export function attachPostgres(definition: PostgresDefinition): Postgres {
  return new LivePostgres({ definition, end: async () => {} });
}

function waysFor({ kind, settings }: StartPostgresOptions, env: Environment): readonly PostgresWay[] {
  if (settings !== undefined && kind !== undefined && kind !== 'server') {
    throw new BrokerError(`settings need kind 'server', got kind '${kind}'.`);
  }
  if (settings !== undefined) return ['server'];
  const named = kind ?? env.SUREHOP_POSTGRES;
  if (named === undefined || named === '') return allWays;
  const way = allWays.find((candidate) => candidate === named);
  if (way === undefined) throw new BrokerError(`SUREHOP_POSTGRES must be url, container or server, got '${named}'.`);
  return [way];
}

function start(way: PostgresWay, options: StartPostgresOptions, env: Environment, log: Log): Promise<Postgres> {
  switch (way) {
    case 'url':
      return useGivenPostgres(env);
    case 'container':
      return startContainerPostgres();
    case 'server':
      return startServer(options, env, log);
    default:
      return way satisfies never;
  }
}

async function startServer({ settings = {} }: StartPostgresOptions, env: Environment, log: Log): Promise<Postgres> {
  if (process.platform === 'win32') {
    throw new BrokerError('A private server needs Linux or macOS. Use a container or DATABASE_URL.');
  }
  const path = env.PATH ?? '';
  return startPrivatePostgres({ programs: await findOrInstall(path, log), settings, path });
}

async function findOrInstall(path: string, log: Log): Promise<ServerPrograms> {
  const found = findServerPrograms(path);
  if (found !== undefined) return found;
  try {
    await installOnDebian('postgresql', log);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BrokerError(`There are no programs of a PostgreSQL server. ${reason}`, { cause });
  }
  const installed = findServerPrograms(path);
  if (installed === undefined) throw new BrokerError('postgresql was installed, but its programs cannot be found.');
  return installed;
}

function toStandardError(line: string): void {
  process.stderr.write(`${line}\n`);
}
