import type {
  OutboxMessage,
  OutboxResult,
  OutboxStats,
  OutboxStore,
  OutboxStoreContext,
  SetAsideMessage,
} from '@surehop/core';
import { integer, invalid, kindOf, knownKeys, systemEffects } from '@surehop/core/internal';
import { RetentionClock } from '../retention-clock.ts';
import { Loan } from './lending.ts';
import { checkMigrations, type MigrationName } from './migrations.ts';
import { outboxStatements } from './outbox-statements.ts';
import {
  type PostgresOutboxOptions,
  type ResolvedPostgresOutboxOptions,
  resolvePostgresOutboxOptions,
} from './postgres-outbox-options.ts';
import type { ClientPool, PoolClient } from './queryable.ts';
import { Session } from './session.ts';
import { checkPositions, type SetAsideRow, setAsideOf } from './set-aside.ts';
import { storeError } from './sql-state.ts';
import { messageOf, type OutboxRow } from './stored-message.ts';

/** Retries have at most this part of a pass, so that neither they nor new messages wait for the others to end. */
const retryShare = 0.25;
/** The longest delay that a relay asks for, in milliseconds: one that is due later was written by another clock. */
const longestDelayMs = 3_600_000;
const removedAtOnce = 2_000;
/** So often in a row: what is left then is for the next time. */
const removalsInARow = 100;
const clientTimeoutMs = 10_000;
const what = 'the outbox cannot be read';
const neededByRelay: readonly MigrationName[] = ['0001-outbox', '0005-delay'];

/**
 * The outbox's tables, for a relay, and for whoever looks after what was set aside.
 *
 * @param pool of `pg`. A relay keeps one connection of it, and now and then takes a second one for a moment
 * @throws {SurehopError} SUREHOP_OPTION_INVALID, naming the option
 */
export function postgresOutbox(pool: ClientPool, options: PostgresOutboxOptions = {}): OutboxStore {
  return new PostgresOutboxStore(pool, resolvePostgresOutboxOptions(options));
}

interface TakenRow extends OutboxRow {
  readonly found: number;
  readonly reached: string | null;
}

class PostgresOutboxStore implements OutboxStore {
  readonly name: string;
  readonly #pool: ClientPool;
  readonly #options: ResolvedPostgresOutboxOptions;
  readonly #statements: ReturnType<typeof outboxStatements>;
  #context: OutboxStoreContext | undefined;
  #session: Session | undefined;
  #retention: RetentionClock | undefined;
  /** The key behind which the walk goes on: so every key has its turn. */
  #cursor = '';

  constructor(pool: ClientPool, options: ResolvedPostgresOutboxOptions) {
    if (typeof (pool as Partial<ClientPool> | null | undefined)?.connect !== 'function') {
      invalid(`postgresOutbox needs a pool of pg, got ${kindOf(pool)}`);
    }
    this.#pool = pool;
    this.#options = options;
    this.#statements = outboxStatements(options.schema, options.behindSetAside === 'pass');
    this.name = options.schema;
  }

  async open(context: OutboxStoreContext): Promise<void> {
    if (this.#context !== undefined) invalid('a store serves one relay: make another one with postgresOutbox()');
    this.#context = context;
    try {
      await this.#withClient((client) => checkMigrations(client, this.name, neededByRelay, 'the relay cannot start'));
      await this.#open();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async pass(send: (messages: readonly OutboxMessage[]) => Promise<readonly OutboxResult[]>): Promise<number> {
    const session = await this.#open();
    try {
      await session.query('BEGIN');
      const messages = await this.#take(session);
      if (messages.length > 0) await this.#note(session, messages, await send(messages));
      await session.query('COMMIT');
      return messages.length;
    } catch (thrown) {
      session.end(); // with it goes its transaction
      throw storeError(thrown, what, '0001-outbox');
    }
  }

  async stats(): Promise<OutboxStats> {
    const [row] = await this.#query<{ depth: number; oldest_ms: number; set_aside: number }>(this.#statements.stats);
    return { depth: row?.depth ?? 0, oldestMs: Math.round(row?.oldest_ms ?? 0), setAside: row?.set_aside ?? 0 };
  }

  async removeSent(retentionMs: number): Promise<number> {
    let removed = 0;
    await this.#withClient(async (client) => {
      await client.query(this.#statements.repairDue, [longestDelayMs]);
      const before = await this.#retentionClock().cutoff(client, retentionMs);
      for (let times = 0; times < removalsInARow; times += 1) {
        const { rows } = await client.query(this.#statements.removeSent, [before, removedAtOnce]);
        const count = (rows[0] as { removed: number } | undefined)?.removed ?? 0;
        removed += count;
        if (count < removedAtOnce) break;
      }
    });
    return removed;
  }

  async listSetAside(options: { limit?: number; after?: string } = {}): Promise<readonly SetAsideMessage[]> {
    knownKeys('listSetAside', options, ['limit', 'after']);
    const { limit = 100, after = '0' } = options;
    integer('limit', limit, 1, 10_000);
    checkPositions([after]);
    return (await this.#query<SetAsideRow>(this.#statements.listSetAside, [after, limit])).map(setAsideOf);
  }

  retry(positions: readonly string[]): Promise<number> {
    return this.#change(this.#statements.retry, positions);
  }

  discard(positions: readonly string[]): Promise<number> {
    return this.#change(this.#statements.discard, positions);
  }

  async close(): Promise<void> {
    this.#session?.end();
    this.#session = undefined;
    this.#context = undefined;
  }

  async #open(): Promise<Session> {
    if (this.#session !== undefined && !this.#session.isOver) return this.#session;
    this.#session?.end();
    this.#session = undefined;
    const context = this.#context;
    if (context === undefined) throw new Error('bug: a pass before open()');
    try {
      this.#session = await Session.open(this.#pool, this.name, context);
      return this.#session;
    } catch (thrown) {
      throw storeError(thrown, what, '0001-outbox');
    }
  }

  async #take(session: Session): Promise<OutboxMessage[]> {
    const { batchSize, batchSizePerKey, batchBytes } = this.#options;
    const retries = Math.max(1, Math.floor(batchSize * retryShare));
    let ends = this.#cursor === '' ? 1 : 0;
    for (;;) {
      const params = [batchSize, retries, this.#cursor, batchSizePerKey, batchBytes, longestDelayMs];
      const rows = await session.query<TakenRow>(this.#statements.take, params);
      const { found = 0, reached = null } = rows[0] ?? {};
      this.#cursor = found === batchSize ? (reached ?? '') : '';
      if (this.#cursor === '') ends += 1;
      const taken = rows.filter(({ position }) => position !== null);
      // Where others have what this part of the walk found, the next part may have something: once around, and no more.
      if (taken.length > 0 || ends === 2) return inOrder(taken);
    }
  }

  async #note(session: Session, messages: readonly OutboxMessage[], results: readonly OutboxResult[]): Promise<void> {
    const sent: string[] = [];
    const failed: { position: string; code: string; error: string; delayMs: number; aside: boolean }[] = [];
    for (const [index, { position }] of messages.entries()) {
      const result = results[index] ?? { status: 'waiting' };
      if (result.status === 'sent') sent.push(position);
      else if (result.status !== 'waiting') {
        const { code, message } = result.error;
        const aside = result.status === 'set aside';
        failed.push({ position, code, error: storable(message), delayMs: aside ? 0 : result.delayMs, aside });
      }
    }
    if (sent.length > 0) await session.query(this.#statements.markSent, [sent]);
    if (failed.length === 0) return;
    const columns = [
      failed.map(({ position }) => position),
      failed.map(({ code }) => code),
      failed.map(({ error }) => error),
      failed.map(({ delayMs }) => delayMs),
      failed.map(({ aside }) => aside),
    ];
    await session.query(this.#statements.markFailed, columns);
  }

  async #change(statement: string, positions: readonly string[]): Promise<number> {
    checkPositions(positions);
    if (positions.length === 0) return 0;
    const [row] = await this.#query<{ changed: number }>(statement, [positions]);
    return row?.changed ?? 0;
  }

  async #query<T>(text: string, params?: unknown[]): Promise<readonly T[]> {
    return this.#withClient(async (client) => (await client.query(text, params)).rows as readonly T[]);
  }

  async #withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const clock = this.#context?.clock ?? systemEffects.clock;
    const loan = await Loan.of(this.#pool, clock, clientTimeoutMs, what);
    try {
      return await work(loan.client);
    } catch (thrown) {
      throw storeError(thrown, what, '0001-outbox');
    } finally {
      loan.end();
    }
  }

  #retentionClock(): RetentionClock {
    const { clock, log } = this.#context ?? {};
    this.#retention ??= new RetentionClock(clock ?? systemEffects.clock, log);
    return this.#retention;
  }
}

/** Of each key what stands before the first message that was set aside. */
function inOrder(rows: readonly TakenRow[]): OutboxMessage[] {
  const held = new Set<string>();
  return rows.flatMap((row) => {
    if (row.key !== null && row.set_aside) held.add(row.key);
    return row.key !== null && held.has(row.key) ? [] : [messageOf(row)];
  });
}

/** PostgreSQL's text has no NUL, and an operator no use for kilobytes. */
function storable(text: string): string {
  return text.replaceAll('\0', '').slice(0, 2_000);
}
