import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { faultOf, isCorruption } from './file-fault.ts';
import { pack, unpack } from './packing.ts';
import type { Batch, Chunk, Committed, MessageRow, Opened, Requests, SetAsideRow, Standing } from './protocol.ts';
import { Reserve } from './reserve.ts';
import { checksumOf } from './row-checksum.ts';
import { messageColumns, prepareForWriting, setAsideColumns } from './schema.ts';
import { isSameMessage, messageRow, type Row } from './stored-row.ts';
import { Totals } from './totals.ts';

/** Of a full disk: so many are taken out at once. */
const smallStep = 50;
/** 1 MiB: not worth the work. */
const fewPages = 256;
/** 16 MiB. */
const shrinkPages = 4_096;

/** The tables of one spool file. Everything here blocks: it belongs on a thread of its own. */
export class SpoolDatabase {
  readonly #db: DatabaseSync;
  readonly #reserve: Reserve;
  readonly #totals = new Totals();
  readonly #statements = new Map<string, StatementSync>();

  /** @param file its tables must stand and be sound */
  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    prepareForWriting(this.#db);
    this.#reserve = new Reserve(file);
    this.#reserve.take();
  }

  /** Reads what is in the file. What waited for another try is tried again in its order. */
  start(): Opened {
    this.#transaction(() => this.#get('UPDATE messages SET due_at = NULL WHERE due_at IS NOT NULL'));
    const sums = 'SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM';
    this.#totals.set(this.#get(`${sums} messages`), this.#get(`${sums} set_aside`));
    const last = this.#get(
      'SELECT max(seq) AS seq, max(accepted_at) AS at FROM (SELECT seq, accepted_at FROM messages UNION ALL SELECT seq, set_aside_at FROM set_aside)',
    );
    return {
      contracts: this.#all('SELECT key, definition FROM contracts').map(({ key, definition }) => [
        String(key),
        String(definition),
      ]),
      lastSeq: Number(last?.seq ?? 0),
      lastAcceptedAt: Number(last?.at ?? 0),
    };
  }

  standing(): Standing {
    const oldest = this.#get('SELECT accepted_at AS at FROM messages ORDER BY seq LIMIT 1')?.at;
    const next = this.#get('SELECT min(due_at) AS at FROM messages WHERE due_at IS NOT NULL')?.at;
    return {
      ...this.#totals.now(),
      oldestAcceptedAt: typeof oldest === 'number' ? oldest : undefined,
      nextDueAt: typeof next === 'number' ? next : undefined,
    };
  }

  /**
   * Where there is no room for the messages, the rest is stored all the same: that makes room.
   *
   * @throws what concerns the batch as a whole: then nothing of it was stored
   */
  commit(batch: Batch): Committed {
    const taken: { index: number; isSame: boolean }[] = [];
    try {
      this.#transaction(() => {
        this.#storeContracts(batch);
        this.#deleteSent(batch.sent);
        for (const [index, { row, content }] of unpack(batch.messages).entries()) {
          const isSame = this.#insert(row, content);
          if (isSame !== undefined) taken.push({ index, isSame });
        }
        this.#applyOutcomes(batch);
      });
      this.#reserve.take();
      if (batch.messages.rows.length === 0) this.#shrink();
      return { taken, messagesFault: undefined };
    } catch (error) {
      if (isCorruption(error)) throw error;
      this.#commitOutcomes(batch);
      if (batch.messages.rows.length === 0) return { taken: [], messagesFault: undefined };
      return { taken: [], messagesFault: faultOf(error) };
    }
  }

  /** In small steps, on the room that was kept for it. */
  #commitOutcomes(batch: Batch): void {
    const hasOutcomes = batch.sent.length + batch.deferred.length + batch.refused.length > 0;
    if (hasOutcomes) this.#reserve.release();
    this.#emptyLog();
    if (!hasOutcomes) return;
    for (let at = 0; at < batch.sent.length; at += smallStep) {
      this.#transaction(() => this.#deleteSent(batch.sent.slice(at, at + smallStep)));
      this.#emptyLog();
    }
    this.#transaction(() => this.#applyOutcomes(batch));
    this.#shrink();
    this.#emptyLog();
  }

  read({ from, to, limit, maxBytes }: Requests['read']['ask']): Chunk {
    const where = 'seq >= ? AND seq <= ? AND due_at IS NULL ORDER BY seq LIMIT ?';
    return this.#chunk(`SELECT ${messageColumns} FROM messages WHERE ${where}`, [from, to, limit], maxBytes);
  }

  due({ now, limit, maxBytes }: Requests['due']['ask']): Chunk {
    const where = 'due_at <= ? ORDER BY due_at, seq LIMIT ?';
    return this.#chunk(`SELECT ${messageColumns} FROM messages WHERE ${where}`, [now, limit], maxBytes);
  }

  expire({ before, except, limit, now }: Requests['expire']['ask']): Requests['expire']['answer'] {
    const excepted = new Set(except);
    // Times grow with the numbers: what is behind the first young one is young as well.
    const head = this.#all(
      'SELECT seq, id, bytes, accepted_at AS at FROM messages ORDER BY seq LIMIT ?',
      limit + excepted.size,
    );
    const young = head.findIndex(({ at }) => Number(at) >= before);
    const old = (young < 0 ? head : head.slice(0, young)).filter(({ seq }) => !excepted.has(Number(seq)));
    this.#transaction(() => {
      for (const { seq, at } of old) {
        const error = `it waited ${Math.round((now - Number(at)) / 1_000)} s, longer than maxAgeMs allows`;
        this.#setAside(Number(seq), 'expired', { code: 'SUREHOP_SPOOL_EXPIRED', error }, now);
      }
    });
    return { ids: old.map(({ id }) => String(id)), bytes: old.reduce((sum, { bytes }) => sum + Number(bytes), 0) };
  }

  list({ after, limit }: Requests['list']['ask']): SetAsideRow[] {
    const sql = `SELECT ${setAsideColumns} FROM set_aside WHERE seq > ? ORDER BY seq LIMIT ?`;
    return this.#all(sql, after, limit).map((row) => ({
      ...messageRow(row),
      reason: row.reason as SetAsideRow['reason'],
      code: String(row.code),
      error: String(row.error),
      setAsideAt: Number(row.set_aside_at),
      content: row.content as Uint8Array<ArrayBuffer>,
    }));
  }

  retry({ seqs, firstSeq, now }: Requests['retry']['ask']): Requests['retry']['answer'] {
    return this.#transaction(() => {
      let [count, bytes] = [0, 0];
      const rest = messageColumns.replace('seq, ', '').replace('accepted_at, attempts, due_at', '?, 0, NULL');
      // One of the same id may have been published anew meanwhile: it is the same message.
      const sql = `INSERT OR IGNORE INTO messages (${messageColumns}) SELECT ?, ${rest} FROM set_aside WHERE seq = ? RETURNING bytes`;
      for (const [index, seq] of seqs.entries()) {
        const added = this.#get(sql, firstSeq + index, now, seq);
        if (added !== undefined) this.#totals.add('unsent', 1, Number(added.bytes));
        bytes += Number(added?.bytes ?? 0);
        count += this.#removeSetAside(seq);
      }
      return { count, bytes };
    });
  }

  discard({ seqs }: Requests['discard']['ask']): Requests['discard']['answer'] {
    return this.#transaction(() => ({ count: seqs.reduce((count, seq) => count + this.#removeSetAside(seq), 0) }));
  }

  close(): void {
    try {
      this.#shrink(2 ** 31 - 1);
    } catch {
      // Of no consequence: what is wrong with disk or file, the next process finds.
    } finally {
      this.#db.close();
    }
  }

  #transaction<T>(work: () => T): T {
    this.#totals.begin();
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      this.#totals.commit();
      return result;
    } catch (error) {
      this.#totals.rollback();
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * After a commit that failed: what it has left in the log could be taken for a commit after a crash. Written into the
   * main file and started anew, the log also gives its room back; where there is no room to do so, it stays.
   */
  #emptyLog(): void {
    try {
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      if (isCorruption(error)) throw error;
    }
  }

  #storeContracts({ contracts }: Batch): void {
    for (const [key, definition] of contracts) {
      this.#run('INSERT INTO contracts VALUES (?, ?) ON CONFLICT DO UPDATE SET definition = excluded.definition', [
        key,
        definition,
      ]);
    }
  }

  #deleteSent(seqs: readonly number[]): void {
    for (const seq of seqs) this.#remove(seq);
  }

  /** Gives the disk back what a long outage took, some of it at a time. */
  #shrink(pages: number = shrinkPages): void {
    const free = Number(this.#get('PRAGMA freelist_count')?.freelist_count);
    const all = Number(this.#get('PRAGMA page_count')?.page_count);
    if (free > fewPages && free > all / 2) this.#db.exec(`PRAGMA incremental_vacuum(${pages})`);
  }

  #applyOutcomes({ deferred, refused, now }: Batch): void {
    for (const { seq, attempts, dueAt } of deferred) {
      const before = this.#get('SELECT due_at FROM messages WHERE seq = ?', seq);
      if (before === undefined) continue;
      this.#run('UPDATE messages SET attempts = ?, due_at = ? WHERE seq = ?', [attempts, dueAt, seq]);
      if (before.due_at === null) this.#totals.add('deferred', 1, 0);
    }
    for (const { seq, attempts, ...fault } of refused) {
      this.#run('UPDATE messages SET attempts = ? WHERE seq = ?', [attempts, seq]);
      this.#setAside(seq, 'refused', fault, now);
    }
  }

  /** Undefined when it is stored; else whether what has its id is the same message. */
  #insert(row: MessageRow, content: Uint8Array): boolean | undefined {
    const { id, exchange, routingKey } = row;
    const aside = this.#totals.hasSetAside ? this.#get('SELECT * FROM set_aside WHERE id = ?', id) : undefined;
    if (aside !== undefined && !isSameMessage(aside, row, content)) return false;
    const bytes = content.length + (row.headers?.length ?? 0);
    const sql = `INSERT INTO messages (${messageColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?) ON CONFLICT (id) DO NOTHING`;
    const changes = this.#run(sql, [
      row.seq,
      id,
      row.contract ?? null,
      exchange,
      routingKey,
      row.properties,
      row.headers ?? null,
      row.acceptedAt,
      row.attempts,
      bytes,
      checksumOf(row, content),
      content,
    ]);
    if (changes > 0) {
      this.#totals.add('unsent', 1, bytes);
      return undefined;
    }
    const present = this.#get('SELECT * FROM messages WHERE id = ?', id);
    return present !== undefined && isSameMessage(present, row, content);
  }

  #remove(seq: number): void {
    const gone = this.#get('DELETE FROM messages WHERE seq = ? RETURNING bytes, due_at', seq);
    if (gone === undefined) return;
    this.#totals.add('unsent', -1, -Number(gone.bytes));
    if (gone.due_at !== null) this.#totals.add('deferred', -1, 0);
  }

  #setAside(seq: number, reason: string, { code, error }: { code: string; error: string }, now: number): void {
    const sql = `INSERT OR REPLACE INTO set_aside (${setAsideColumns}) SELECT ${messageColumns}, ?, ?, ?, ? FROM messages WHERE seq = ? RETURNING bytes`;
    const added = this.#get(sql, now, reason, code, error.slice(0, 2_000), seq);
    if (added !== undefined) this.#totals.add('setAside', 1, Number(added.bytes));
    this.#remove(seq);
  }

  #removeSetAside(seq: number): number {
    const gone = this.#get('DELETE FROM set_aside WHERE seq = ? RETURNING bytes', seq);
    if (gone === undefined) return 0;
    this.#totals.add('setAside', -1, -Number(gone.bytes));
    return 1;
  }

  /** Rows until `maxBytes` are met, the first in any case. What is damaged is set aside. */
  #chunk(sql: string, args: readonly number[], maxBytes: number): Chunk {
    const sound: { row: MessageRow; content: Uint8Array }[] = [];
    const damaged: { seq: number; id: string; bytes: number }[] = [];
    let [bytes, count, lastSeq] = [0, 0, 0];
    let isEnd = true;
    for (const row of this.#statement(sql).iterate(...args) as Iterable<Row>) {
      const [message, content] = [messageRow(row), row.content as Uint8Array];
      if (bytes > 0 && bytes + content.length > maxBytes) {
        isEnd = false;
        break;
      }
      count += 1;
      bytes += content.length;
      lastSeq = message.seq;
      if (checksumOf(message, content) === row.checksum) sound.push({ row: message, content });
      else damaged.push({ seq: message.seq, id: message.id, bytes: Number(row.bytes) });
    }
    if (count === args.at(-1)) isEnd = false;
    if (damaged.length > 0) this.#setDamagedAside(damaged.map(({ seq }) => seq));
    return { ...pack(sound), isEnd, damaged, lastSeq };
  }

  #setDamagedAside(seqs: readonly number[]): void {
    const error = 'its bytes in the file are not those that were stored; it was not sent';
    const now = Number(this.#get('SELECT max(accepted_at) AS at FROM messages')?.at ?? 0);
    this.#transaction(() => {
      for (const seq of seqs) this.#setAside(seq, 'damaged', { code: 'SUREHOP_SPOOL_DAMAGED', error }, now);
    });
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #get(sql: string, ...args: (string | number)[]): Row | undefined {
    return this.#statement(sql).get(...args);
  }

  #all(sql: string, ...args: (string | number)[]): Row[] {
    return this.#statement(sql).all(...args);
  }

  #run(sql: string, args: readonly (string | number | null | Uint8Array)[]): number {
    return Number(this.#statement(sql).run(...args).changes);
  }
}
