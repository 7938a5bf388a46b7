import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Damage } from './damage.ts';
import { isBusy, isCorruption, LockedFileError, UnusableFileError } from './file-fault.ts';
import type { Opened } from './protocol.ts';
import { copyAside, finishReplacing, salvage } from './salvage.ts';
import { applicationId, createTables, formatVersion, pageSize } from './schema.ts';
import { SpoolDatabase } from './spool-database.ts';
import { repairedLog } from './write-ahead-log.ts';

/** The path by which SQLite and its lock know the file. */
export function resolved(file: string): string {
  if (existsSync(file)) {
    if (!statSync(file).isFile()) throw new UnusableFileError('it is no file');
    return realpathSync(file);
  }
  try {
    return join(realpathSync(dirname(file)), basename(file));
  } catch {
    throw new UnusableFileError(`there is no folder ${dirname(file)}`);
  }
}

/**
 * Takes the lock beside the file: a transaction of SQLite's own, which the kernel ends with the process. It is apart from
 * the file, so that it also holds while the file itself is examined and replaced.
 *
 * @throws {LockedFileError}
 */
export function takeLock(file: string): { readonly lock: DatabaseSync; readonly isFirst: boolean } {
  const path = `${file}.lock`;
  const isFirst = !existsSync(path);
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE');
    // With a page in it, taking it writes nothing: a full disk must not keep anybody from what is in the spool.
    if (statSync(path).size === 0) lock.exec('PRAGMA user_version = 1');
    lock.exec('BEGIN EXCLUSIVE');
    return { lock, isFirst };
  } catch (error) {
    lock.close();
    if (isBusy(error)) throw new LockedFileError('another process, or another spool of this one, has it open');
    if (!isCorruption(error)) throw error;
    throw new UnusableFileError(`its lock ${path} is damaged; delete that file where no process has the spool`);
  }
}

/**
 * Opens the file, made sound before where it is not. Whoever calls holds the lock.
 *
 * @param isFirst nobody had a spool here before: what is there and is none is somebody else's
 * @throws {UnusableFileError} it is something else, or of a newer release
 */
export function openFile(file: string, isFirst: boolean, epochMs: number): OpenFile {
  finishReplacing(file);
  closeSync(openSync(file, 'a', 0o600)); // bodies are nobody else's affair
  if (isFirst && !isSpoolOrEmpty(file)) throw new UnusableFileError('it is no spool, and was not made by one');
  const ofLog = repairLog(file, epochMs);
  const trouble = examine(file);
  const setAside = ofLog ?? (trouble === undefined ? undefined : copyAside(file, epochMs));
  const salvaged = trouble === undefined ? undefined : salvage(file, trouble, setAside ?? '');
  const database = new SpoolDatabase(file);
  const opened = database.start();
  if (setAside === undefined) return { database, opened, damage: undefined };
  const { unsent, setAside: aside } = database.standing();
  const what = 'its write-ahead log is damaged before its end';
  return {
    database,
    opened,
    damage: salvaged ?? { what, setAside, kept: unsent + aside, lost: [], lostCount: undefined },
  };
}

export interface OpenFile {
  readonly database: SpoolDatabase;
  readonly opened: Opened;
  readonly damage: Damage | undefined;
}

/** Where the log is damaged before its end, all frames that can be read are put in force. Gives the name of the copy. */
function repairLog(file: string, epochMs: number): string | undefined {
  if (!existsSync(`${file}-wal`)) return undefined;
  const repaired = repairedLog(readFileSync(`${file}-wal`), pageSize);
  if (repaired === undefined) return undefined;
  const setAside = copyAside(file, epochMs);
  writeFileSync(`${file}-wal`, repaired, { flush: true });
  return setAside;
}

/** What is wrong with it; undefined for a sound one. An empty one becomes a spool. */
function examine(file: string): string | undefined {
  if (readHead(file, 1).length === 0 && existsSync(`${file}-wal`) && readHead(`${file}-wal`, 64).length === 64) {
    return 'it is empty, but for its write-ahead log';
  }
  const db = new DatabaseSync(file);
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    const application = db.prepare('PRAGMA application_id').get()?.application_id;
    const version = Number(db.prepare('PRAGMA user_version').get()?.user_version);
    const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.count;
    if (tables === 0 && application === 0) {
      createTables(db);
      return undefined;
    }
    if (application !== applicationId) throw new UnusableFileError('it is an SQLite database of something else');
    if (version > formatVersion) {
      throw new UnusableFileError(`it has format ${version}, this release knows formats up to ${formatVersion}`);
    }
    const found = db.prepare('PRAGMA quick_check(1)').get()?.quick_check;
    return found === 'ok' ? undefined : `SQLite finds: ${String(found).slice(0, 300)}`;
  } catch (error) {
    if (isCorruption(error)) return `SQLite says: ${(error as Error).message}`;
    throw error;
  } finally {
    db.close();
  }
}

/** A spool's first bytes, or those of a file that was never written, or lost what was written. */
function isSpoolOrEmpty(file: string): boolean {
  const head = readHead(file, 16);
  return head.every((byte) => byte === 0) || head.toString('latin1', 0, 15) === 'SQLite format 3';
}

function readHead(file: string, bytes: number): Buffer {
  const head = Buffer.alloc(bytes);
  const at = openSync(file, 'r');
  try {
    return head.subarray(0, readSync(at, head, 0, bytes, 0));
  } finally {
    closeSync(at);
  }
}
