import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { SurehopError, type TakenNumber } from '@surehop/core';

/** In the header of every such file, so that no other SQLite database is taken for one. */
const applicationId = 0x53_48_53_51; // "SHSQ"
const formatVersion = 1;
/** How long another process may hold the file's lock, in milliseconds. */
const busyMs = 5_000;
/** Of each sequence the numbers of so many message ids are known. */
const knownIds = 1_000;

const tables = `
CREATE TABLE position (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sequence (name TEXT PRIMARY KEY, run TEXT NOT NULL, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE number (name TEXT, message_id TEXT, number INTEGER NOT NULL, unused INTEGER NOT NULL,
  PRIMARY KEY (name, message_id)) WITHOUT ROWID;
CREATE UNIQUE INDEX number_order ON number (name, number);`;

/** The tables of one file. Everything here blocks, and what writes belongs into a transaction. */
export class SequenceDatabase {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** @throws {SurehopError} SUREHOP_FILE_UNUSABLE */
  constructor(file: string) {
    let db: DatabaseSync | undefined;
    try {
      closeSync(openSync(file, 'a', 0o600));
      db = new DatabaseSync(file, { timeout: busyMs });
      prepare(db);
      this.#db = db;
    } catch (cause) {
      db?.close();
      const text = `the file of sequences cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`;
      throw new SurehopError('SUREHOP_FILE_UNUSABLE', text, { retryable: false, cause });
    }
  }

  /** On the disk when it returns, or nothing of it is. */
  transaction(work: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  position(name: string): number | undefined {
    const row = this.#get('SELECT position FROM position WHERE name = ?', name);
    return row === undefined ? undefined : Number(row.position);
  }

  savePosition(name: string, position: number): void {
    this.#run(
      `INSERT INTO position VALUES (?, ?)
       ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE excluded.position > position.position`,
      name,
      position,
    );
  }

  /** @param newRun of a sequence that nobody has used */
  take(name: string, messageId: string, newRun: string): TakenNumber {
    const known = this.#get('SELECT number, unused FROM number WHERE name = ? AND message_id = ?', name, messageId);
    const step = known === undefined ? 1 : 0;
    const row = this.#get(
      'INSERT INTO sequence VALUES (?, ?, 1) ON CONFLICT (name) DO UPDATE SET last = last + ? RETURNING run, last',
      name,
      newRun,
      step,
    );
    const run = String(row?.run);
    if (known !== undefined) {
      this.#run('UPDATE number SET unused = 0 WHERE name = ? AND message_id = ?', name, messageId);
      return { run, number: Number(known.number), isNew: known.unused === 1 };
    }
    const number = Number(row?.last);
    this.#run('INSERT INTO number VALUES (?, ?, ?, 0)', name, messageId, number);
    this.#run('DELETE FROM number WHERE name = ? AND number <= ?', name, number - knownIds);
    return { run, number, isNew: true };
  }

  notStored(name: string, messageId: string): void {
    this.#run('UPDATE number SET unused = 1 WHERE name = ? AND message_id = ?', name, messageId);
    const lastUnused = `SELECT n.number FROM number n JOIN sequence s ON s.name = n.name AND s.last = n.number
      WHERE n.name = ? AND n.unused = 1`;
    while (this.#get(lastUnused, name) !== undefined) {
      this.#run('DELETE FROM number WHERE name = ?1 AND number = (SELECT last FROM sequence WHERE name = ?1)', name);
      this.#run('UPDATE sequence SET last = last - 1 WHERE name = ?', name);
    }
  }

  close(): void {
    this.#db.close();
  }

  #get(sql: string, ...args: (string | number)[]): Readonly<Record<string, unknown>> | undefined {
    return this.#statement(sql).get(...args);
  }

  #run(sql: string, ...args: (string | number)[]): void {
    this.#statement(sql).run(...args);
  }

  #statement(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** Every commit is on the disk when it returns. */
function prepare(db: DatabaseSync): void {
  const mode = db.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode;
  if (mode !== 'wal') throw new Error(`it cannot be written ahead (journal mode ${String(mode)})`);
  db.exec('PRAGMA synchronous = FULL');
  db.exec('BEGIN IMMEDIATE'); // of two processes that find it empty, one makes the tables
  const found = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.count;
  const application = db.prepare('PRAGMA application_id').get()?.application_id;
  const version = Number(db.prepare('PRAGMA user_version').get()?.user_version);
  if (found === 0 && application === 0) {
    db.exec(`${tables} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${formatVersion}`);
  } else if (application !== applicationId) {
    throw new Error('it is an SQLite database of something else');
  } else if (version > formatVersion) {
    throw new Error(`it has format ${version}, this release knows formats up to ${formatVersion}`);
  }
  db.exec('COMMIT');
}
