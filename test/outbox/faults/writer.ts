import { createOutbox, isSurehopError } from '@surehop/outbox';
import type pg from 'pg';
import type { History } from '../../faults/history.ts';
import { orders } from './contract.ts';

export interface WriterOptions {
  readonly pool: pg.Pool;
  readonly history: History;
  readonly perSecond: number;
  /** Among how many keys the messages are shared; none has a key for 0. */
  readonly keys: number;
}

const outbox = createOutbox();
/** By when a transaction has to have ended, whatever befalls. */
const dueMs = 60_000;
/** So many at once, when the database is slow. */
const atOnce = 20;
const tickMs = 20;

/** Writes a purchase and its message in one transaction, again and again, and tells the history. */
export class Writer {
  readonly #options: WriterOptions;
  readonly #running = new Set<Promise<void>>();
  #number = 0;
  #due = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Transactions begun. */
  get begun(): number {
    return this.#number;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#due = Math.min(this.#due + (this.#options.perSecond * tickMs) / 1_000, 10 * atOnce);
      for (; this.#due >= 1 && this.#running.size < atOnce; this.#due -= 1) this.#begin();
    }, tickMs);
  }

  /** Resolves when every transaction has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  #begin(): void {
    this.#number += 1;
    const id = String(this.#number);
    const at = performance.now();
    this.#options.history.add({ kind: 'published', id, at, dueAt: at + dueMs });
    const writing = this.#write(id).finally(() => this.#running.delete(writing));
    this.#running.add(writing);
  }

  async #write(id: string): Promise<void> {
    const { pool, history, keys } = this.#options;
    let isCommitting = false;
    let client: pg.PoolClient | undefined;
    try {
      client = await pool.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO purchase (id) VALUES ($1)', [id]);
      const key = keys === 0 ? {} : { key: `key ${Number(id) % keys}` };
      await outbox.publish(client, orders, { id }, { messageId: id, ...key });
      isCommitting = true;
      await client.query('COMMIT');
      history.add({ kind: 'resolved', id, at: performance.now() });
      client.release();
    } catch (error) {
      client?.release(true);
      if (isSurehopError(error, 'SUREHOP_STORE_NOT_MIGRATED')) throw error;
      // Without an answer to COMMIT nobody knows; before it, nothing of the transaction is there.
      history.add({ kind: 'rejected', id, at: performance.now(), stored: isCommitting ? 'unknown' : 'no' });
    }
  }
}
