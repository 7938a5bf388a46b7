import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Damage } from './damage.ts';
import { isCorruption } from './file-fault.ts';
import { readableRows } from './readable-rows.ts';
import { createTables, formatVersion, messageColumns, pageSize, setAsideColumns } from './schema.ts';
import type { Row } from './stored-row.ts';

const mostNamed = 1_000;
/** A size in a header that is so many times the file's is nonsense. */
const mostGrowth = 1_000;

/** Copies the file and its log beside it, as they are. Gives the name of the copy. */
export function copyAside(file: string, epochMs: number): string {
  let copy = `${file}.damaged-${epochMs}`;
  for (let number = 2; existsSync(copy); number += 1) copy = `${file}.damaged-${epochMs}-${number}`;
  for (const suffix of ['-wal', '']) {
    if (!existsSync(file + suffix)) continue;
    copyFileSync(file + suffix, copy + suffix);
    syncFile(copy + suffix);
  }
  syncFile(dirname(file));
  return copy;
}

/**
 * Makes a sound file in place of a damaged one, with all that can be read of it. A crash in between leaves the damaged
 * file, or the sound one: see {@link finishReplacing}.
 *
 * @param setAside the copy of it that stays
 */
export function salvage(file: string, what: string, setAside: string): Damage {
  const fresh = `${file}.new`;
  for (const suffix of ['', '-wal', '-journal']) rmSync(fresh + suffix, { force: true });
  const target = new DatabaseSync(fresh);
  try {
    createTables(target, 0);
    mend(file, fresh);
    const { kept, lost, lostCount } = copyReadable(file, target);
    target.close();
    syncFile(fresh);
    finishReplacing(file);
    return { what, setAside, kept, lost, lostCount };
  } finally {
    if (target.isOpen) target.close();
  }
}

/** Puts a complete new file into its place, or removes one that is not complete. */
export function finishReplacing(file: string): void {
  const fresh = `${file}.new`;
  if (!existsSync(fresh)) return;
  if (isComplete(fresh)) {
    // The log first: beside the new file, the old one's would be taken for its own.
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
    renameSync(fresh, file);
  }
  for (const suffix of ['', '-wal', '-journal']) rmSync(fresh + suffix, { force: true });
  syncFile(dirname(file));
}

function isComplete(fresh: string): boolean {
  const db = new DatabaseSync(fresh);
  try {
    return db.prepare('PRAGMA user_version').get()?.user_version === formatVersion;
  } catch (error) {
    if (isCorruption(error)) return false;
    throw error;
  } finally {
    db.close();
  }
}

/** Where the first page, which says where everything is, is not one: that of a new file with the same tables. One that is cut short gets its length again. */
function mend(file: string, fresh: string): void {
  const page = Buffer.alloc(pageSize);
  const at = openSync(file, 'r+');
  try {
    readSync(at, page, 0, 100, 0);
    const { size } = fstatSync(at);
    if (page.toString('latin1', 0, 15) === 'SQLite format 3' && page.readUInt16BE(16) === pageSize) {
      // SQLite reads nothing at all of a file that is shorter than it says.
      const said = page.readUInt32BE(28) * pageSize;
      if (size < said && said <= size * mostGrowth) ftruncateSync(at, said);
      return;
    }
    const from = openSync(fresh, 'r');
    readSync(from, page, 0, pageSize, 0);
    closeSync(from);
    page.writeUInt16BE(0x02_02, 18); // so that a log is read
    page.writeUInt32BE(Math.max(1, Math.ceil(size / pageSize)), 28);
    page.fill(0, 32, 40); // no list of free pages
    writeSync(at, page, 0, pageSize, 0);
    fsyncSync(at);
  } finally {
    closeSync(at);
  }
}

function copyReadable(file: string, target: DatabaseSync): Pick<Damage, 'kept' | 'lost' | 'lostCount'> {
  const source = new DatabaseSync(file);
  try {
    source.exec('PRAGMA locking_mode = EXCLUSIVE');
    target.exec('PRAGMA synchronous = FULL; BEGIN');
    const keptIds = new Set<unknown>();
    const copy = (table: string, columns: string): void => {
      const marks = columns.replaceAll(/\w+/g, '?');
      const insert = target.prepare(`INSERT OR IGNORE INTO ${table} (${columns}) VALUES (${marks})`);
      for (const row of readableRows(source, table, columns)) {
        insert.run(...(columns.split(', ').map((column) => row[column]) as string[]));
        keptIds.add(row.id);
      }
    };
    copyContracts(source, target);
    copy('messages', messageColumns);
    copy('set_aside', setAsideColumns);
    target.exec(`PRAGMA user_version = ${formatVersion}; COMMIT`);
    const known = idsIn(source);
    const lost = known.ids.filter((id) => !keptIds.has(id));
    return { kept: keptIds.size, lost: lost.slice(0, mostNamed), lostCount: known.isAll ? lost.length : undefined };
  } finally {
    source.close();
  }
}

function copyContracts(source: DatabaseSync, target: DatabaseSync): void {
  const insert = target.prepare('INSERT OR IGNORE INTO contracts VALUES (?, ?)');
  try {
    for (const { key, definition } of source
      .prepare('SELECT key, definition FROM contracts')
      .iterate() as Iterable<Row>) {
      if (typeof key === 'string' && typeof definition === 'string') insert.run(key, definition);
    }
  } catch (error) {
    if (!isCorruption(error)) throw error; // its messages know their exchange and routing key all the same
  }
}

/** Of all messages, from the indexes: those are other pages than the messages themselves. */
function idsIn(source: DatabaseSync): { readonly ids: readonly string[]; readonly isAll: boolean } {
  const ids: string[] = [];
  try {
    for (const table of ['messages', 'set_aside']) {
      const rows = source.prepare(`SELECT id FROM ${table} INDEXED BY ${table}_id ORDER BY id`).iterate();
      for (const { id } of rows as Iterable<Row>) if (typeof id === 'string') ids.push(id);
    }
    return { ids, isAll: true };
  } catch (error) {
    if (!isCorruption(error)) throw error;
    return { ids, isAll: false };
  }
}

function syncFile(path: string): void {
  const at = openSync(path, 'r');
  try {
    fsyncSync(at);
  } finally {
    closeSync(at);
  }
}
