import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SurehopError } from '@surehop/core';
import { usable } from './sink.ts';

/** How far the import of a file has come. */
export interface ImportProgress {
  /** Of the file, from its beginning: everything before was imported or rejected. */
  readonly bytes: number;
  /** Of these bytes, in hexadecimal digits. */
  readonly sha256: string;
  /** The queue for all; null where each line names its own. */
  readonly to: string | null;
  readonly lines: number;
  readonly imported: number;
  readonly damaged: number;
  /** Numbers of lines behind these bytes that were imported or rejected, while one before them was not. */
  readonly settledBehind: readonly number[];
  readonly isFinished: boolean;
}

const version = 1;

/** Keeps the progress of an import in a file beside the imported one. */
export class ImportJournal {
  readonly #path: string;

  constructor(file: string) {
    this.#path = `${file}.progress`;
  }

  /**
   * What an earlier import has left; undefined where there was none.
   *
   * @throws {SurehopError} SUREHOP_FILE_UNUSABLE; SUREHOP_IMPORT_MISMATCH for what is no progress of an import
   */
  async read(): Promise<ImportProgress | undefined> {
    const text = await usable(this.#path, () => readFile(this.#path, 'utf8').catch(undefinedWhereAbsent));
    if (text === undefined) return undefined;
    const progress = progressIn(text);
    if (progress === undefined) throw mismatch(`${this.#path} is not the progress of an import`);
    return progress;
  }

  /** Resolves once it is on disk. The file has the old progress or the new one, whatever happens. */
  async write(progress: ImportProgress): Promise<void> {
    const fresh = `${this.#path}.new`;
    await usable(this.#path, async () => {
      const handle = await open(fresh, 'w', 0o600);
      try {
        await handle.writeFile(`${JSON.stringify({ v: version, ...progress })}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(fresh, this.#path);
      await syncFolder(dirname(this.#path));
    });
  }
}

/** @throws {SurehopError} SUREHOP_IMPORT_MISMATCH when an import to somewhere else was begun with this file */
export function assertSameTarget(file: string, progress: ImportProgress, to: string | undefined): void {
  if (progress.to === (to ?? null)) return;
  const before = progress.to === null ? 'the queues that its lines name' : `queue ${JSON.stringify(progress.to)}`;
  throw mismatch(`the import of ${file} into ${before} was begun before`);
}

export function mismatch(what: string): SurehopError {
  const advice =
    'nothing was imported; to begin anew, and import what was imported a second time, remove the .progress file';
  return new SurehopError('SUREHOP_IMPORT_MISMATCH', `${what}; ${advice}`, { retryable: false });
}

/** A name is on disk when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function undefinedWhereAbsent(thrown: unknown): undefined {
  if ((thrown as { code?: unknown }).code !== 'ENOENT') throw thrown;
}

function progressIn(text: string): ImportProgress | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof read !== 'object' || read === null) return undefined;
  const { v, bytes, sha256, to, lines, imported, damaged, settledBehind, isFinished } = read as Record<string, unknown>;
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (v !== version || !isCount(bytes) || !isCount(lines) || !isCount(imported) || !isCount(damaged)) return undefined;
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256) || typeof isFinished !== 'boolean') return undefined;
  if (to !== null && typeof to !== 'string') return undefined;
  if (!Array.isArray(settledBehind) || !settledBehind.every(isCount)) return undefined;
  return { bytes, sha256, to, lines, imported, damaged, settledBehind, isFinished };
}
