import type { DatabaseSync } from 'node:sqlite';

/** In the header of every spool file, so that no other SQLite database is taken for one. */
export const applicationId = 0x53_48_53_50; // "SHSP"
/** Of the tables below. A file of a higher one was written by a newer release. */
export const formatVersion = 1;
export const pageSize = 4_096;

const columns = `
  id TEXT NOT NULL,
  contract TEXT,
  exchange TEXT NOT NULL,
  routing_key TEXT NOT NULL,
  properties TEXT NOT NULL,
  headers TEXT,
  accepted_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  due_at INTEGER,
  bytes INTEGER NOT NULL,
  checksum INTEGER NOT NULL`;

/** The order matters: it gives each table the same first page in every file, which salvage relies on. */
const tables = `
CREATE TABLE contracts (key TEXT PRIMARY KEY, definition TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (seq INTEGER PRIMARY KEY, ${columns}, content BLOB NOT NULL);
CREATE UNIQUE INDEX messages_id ON messages (id);
CREATE INDEX messages_due ON messages (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE set_aside (seq INTEGER PRIMARY KEY, ${columns}, set_aside_at INTEGER NOT NULL, reason TEXT NOT NULL,
  code TEXT NOT NULL, error TEXT NOT NULL, content BLOB NOT NULL);
CREATE INDEX set_aside_id ON set_aside (id);`;

export const messageColumns =
  'seq, id, contract, exchange, routing_key, properties, headers, accepted_at, attempts, due_at, bytes, checksum, content';
export const setAsideColumns: string = `${messageColumns}, set_aside_at, reason, code, error`;

/** Makes the tables in an empty file. @param version 0 marks a file that is not complete yet */
export function createTables(db: DatabaseSync, version: number = formatVersion): void {
  db.exec(`PRAGMA page_size = ${pageSize}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = ${applicationId}`);
  db.exec(`BEGIN IMMEDIATE; ${tables} PRAGMA user_version = ${version}; COMMIT`);
}

/**
 * Every commit is on the disk when it returns (WAL with `synchronous = FULL`: one write and one fsync), and nobody else
 * can open the file meanwhile.
 */
export function prepareForWriting(db: DatabaseSync): void {
  db.exec('PRAGMA locking_mode = EXCLUSIVE');
  const mode = db.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode;
  if (mode !== 'wal') throw new Error(`the file cannot be written ahead (journal mode ${String(mode)})`);
  db.exec('PRAGMA synchronous = FULL');
}
