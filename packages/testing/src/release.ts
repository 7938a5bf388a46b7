import { accessSync, constants, existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** An installed RabbitMQ: its own programs, free of what a distribution puts around them. */
export interface Release {
  readonly server: string;
  readonly ctl: string;
  /** Where `rabbitmq-server` was found, for people. */
  readonly found: string;
  /** For example `3.10.8`; undefined where its files do not tell. */
  readonly version: string | undefined;
}

// Where packages put rabbitmq-server, and where the PATH of a user who is not root often does not lead.
const usualFolders: readonly string[] = ['/usr/local/sbin', '/usr/sbin', '/opt/homebrew/sbin'];

/** The first `rabbitmq-server` on PATH, then in the usual folders. */
export function findRelease(path: string): Release | undefined {
  for (const folder of [...path.split(delimiter), ...usualFolders]) {
    const found = join(folder, 'rabbitmq-server');
    if (folder !== '' && isProgram(found)) return releaseOf(found);
  }
  return undefined;
}

function releaseOf(found: string): Release {
  const folder = ownFolder(found);
  return {
    server: join(folder, 'rabbitmq-server'),
    ctl: join(folder, 'rabbitmqctl'),
    found,
    version: versionBeside(folder),
  };
}

/** A release keeps itself among its plugins: `plugins/rabbit-3.10.8`, or `rabbit-3.10.8.ez`. */
function versionBeside(folder: string): string | undefined {
  const plugins = join(folder, '..', 'plugins');
  if (!existsSync(plugins)) return undefined;
  return readdirSync(plugins)
    .map((name) => /^rabbit-(\d+\.\d+\.\d+)/.exec(name)?.[1])
    .find((version) => version !== undefined);
}

/**
 * The folder of the release's own scripts. What Debian and Red Hat put on PATH is a wrapper that insists on root,
 * becomes the user `rabbitmq` and writes to /var/log; a program that is neither is taken as it stands.
 */
function ownFolder(found: string): string {
  const real = dirname(realpathSync(found));
  if (existsSync(join(real, 'rabbitmq-env')) && !real.endsWith('/rabbitmq/bin')) return real;
  const library = '/usr/lib/rabbitmq/lib';
  if (!real.startsWith('/usr/') || !existsSync(library)) return dirname(found);
  const newest = readdirSync(library)
    .filter((name) => name.startsWith('rabbitmq_server-'))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
  return newest === undefined ? dirname(found) : join(library, newest, 'sbin');
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
