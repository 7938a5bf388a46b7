import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { isProgram } from '../release.ts';

/** The programs of one installed PostgreSQL. */
export interface ServerPrograms {
  readonly postgres: string;
  readonly initdb: string;
}

/** Where distributions put what they do not put on PATH, in folders by version. */
const versionFolders: readonly (readonly [folder: string, programs: string])[] = [
  ['/usr/lib/postgresql', 'bin'],
  ['/usr/local/opt', 'bin'],
  ['/opt/homebrew/opt', 'bin'],
];

/** Those on PATH, else the newest in the usual folders. */
export function findServerPrograms(path: string): ServerPrograms | undefined {
  const onPath = path.split(delimiter).filter((folder) => folder !== '');
  const usual = versionFolders.flatMap(([folder, programs]) =>
    newestFirst(folder).map((name) => join(folder, name, programs)),
  );
  for (const folder of [...onPath, ...usual]) {
    const postgres = join(folder, 'postgres');
    if (!isProgram(postgres)) continue;
    // Beside where a link leads: there are its libraries, and the initdb of the same version.
    const initdb = join(dirname(realpathSync(postgres)), 'initdb');
    if (isProgram(initdb)) return { postgres: realpathSync(postgres), initdb };
  }
  return undefined;
}

function newestFirst(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^(postgresql@)?\d+(\.\d+)?$/.test(name))
    .sort((one, other) => other.localeCompare(one, 'en', { numeric: true }));
}

/** PostgreSQL does not run as root: whoever else it may run as, undefined for ourselves. */
export function userForServer(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const entry = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  return entry === undefined ? undefined : { uid: Number(entry[2]), gid: Number(entry[3]) };
}
