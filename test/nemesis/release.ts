import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { enterRelease } from '../release-folder.mjs';
import { UsageError } from './command-line.ts';

/** Where to look for `rabbitmq-server`, and how to leave it. */
export interface ReleasePath {
  readonly path: string;
  leave(): void;
}

/**
 * @param release a folder of `RABBITMQ_RELEASES`; undefined for what is on PATH
 * @throws {UsageError} there is no such release
 */
export function pathOfRelease(
  release: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): ReleasePath {
  const path = env.PATH ?? '';
  if (release === undefined) return { path, leave: () => undefined };
  const releases = env.RABBITMQ_RELEASES;
  if (!releases || !existsSync(releases)) {
    throw new UsageError('--release needs RABBITMQ_RELEASES: a folder with one folder per release');
  }
  const names = readdirSync(releases).filter((name) => /^\d+\.\d+$/.test(name));
  if (!names.includes(release)) throw new UsageError(`There is no release ${release}. There are: ${names.join(', ')}`);
  const { folder, leave } = enterRelease(join(releases, release), release);
  return { path: `${folder}${delimiter}${path}`, leave };
}
