import {
  type OutboxMessage,
  type OutboxResult,
  type OutboxStats,
  type OutboxStore,
  type OutboxStoreContext,
  type SetAsideMessage,
  SurehopError,
} from '@surehop/core';
import { integer, invalid, kindOf, knownKeys, oneOf, systemEffects } from '@surehop/core/internal';
import { RetentionClock } from '../retention-clock.ts';
import { Loan } from './lending.ts';
import { checkMigrations } from './migrations.ts';
import { outboxStatements } from './outbox-statements.ts';
import type { ClientPool, PoolClient } from './queryable.ts';
import { defaultSchema } from './schema-name.ts';
import { Session } from './session.ts';
import { storeError } from './sql-state.ts';
import { messageOf, type OutboxRow } from './stored-message.ts';

export interface PostgresOutboxOptions {
  /**
   * The schema of the tables: letters, digits and `_`.
   * @default 'surehop'
   */
  readonly schema?: string;
  /**
   * How many messages without a key one pass takes, and how many keys, 1 to 10_000. Those are locked for as long as the
   * pass lasts.
   * @default 500
   */
  readonly batchSize?: number;
  /**
   * How many of them may be of one key, 1 to 10_000. They are sent one after the other.
   * @default 100
   */
  readonly batchSizePerKey?: number;
  /**
   * Bodies of one pass together, in bytes. A single larger one is taken alone.
   * @default 16_777_216 (16 MiB)
   */
  readonly batchBytes?: number;
  /**
   * What becomes of the messages behind one that was set aside, of its key: `hold` leaves them where they are until a
   * person has decided, so that the order is kept; `pass` sends them.
   * @default 'hold'
   */
  readonly behindSetAside?: 'hold' | 'pass';
}

type Resolved = Readonly<Required<PostgresOutboxOptions>>;

const defaults = {
  schema: defaultSchema,
  batchSize: 500,
  batchSizePerKey: 100,
  batchBytes: 16 * 1_024 * 1_024,
  behindSetAside: 'hold',
} as const satisfies Required<PostgresOutboxOptions>;

/** Retries have at most this part of a pass, so that neither they nor new messages wait for the others to end. */
const retryShare = 0.25;
/** The longest delay that a relay asks for, in milliseconds: one that is due later was written by another clock. */
const longestDelayMs = 3_600_000;
const removedAtOnce = 2_000;
/** So often in a row: what is left then is for the next time. */
const removalsInARow = 100;
const clientTimeoutMs = 10_000;
const what = 'the outbox cannot be read';

/**
 * The outbox's tables, for a relay, and for whoever looks after what was set aside.
 *
 * @param pool of `pg`. A relay keeps one connection of it, and now and then takes a second one for a moment
 * @throws {SurehopError} SUREHOP_OPTION_INVALID, naming the option
 */
export function postgresOutbox(pool: ClientPool, options: PostgresOutboxOptions = {}): OutboxStore {
  return new PostgresOutboxStore(pool, resolvePostgresOutboxOptions(options));
}

/** The only place where defaults are applied and options are checked. */
export function resolvePostgresOutboxOptions(given: PostgresOutboxOptions): Resolved {
  knownKeys('postgresOutbox', given, Object.keys(defaults));
  const resolved = {
    schema: given.schema ?? defaults.schema,
    batchSize: given.batchSize ?? defaults.batchSize,
    batchSizePerKey: given.batchSizePerKey ?? defaults.batchSizePerKey,
    batchBytes: given.batchBytes ?? defaults.batchBytes,
    behindSetAside: given.behindSetAside ?? defaults.behindSetAside,
  };
  integer('batchSize', resolved.batchSize, 1, 10_000);
  integer('batchSizePerKey', resolved.batchSizePerKey, 1, 10_000);
  integer('batchBytes', resolved.batchBytes, 1);
  oneOf('behindSetAside', resolved.behindSetAside, ['hold', 'pass']);
  return Object.freeze(resolved);
}

interface TakenRow extends OutboxRow {
  readonly found: number;
  readonly reached: string | null;
}

class PostgresOutboxStore implements OutboxStore {
  readonly name: string;
  readonly #pool: ClientPool;
  readonly #options: Resolved;
  readonly #statements: ReturnType<typeof outboxStatements>;
  #context: OutboxStoreContext | undefined;
  #session: Session | undefined;
  #retention: RetentionClock | undefined;
  /** The key behind which the walk goes on: so every key has its turn. */
  #cursor = '';

  constructor(pool: ClientPool, options: Resolved) {
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
      await this.#withClient((client) => checkMigrations(client, this.name, ['0001-outbox'], 'the relay cannot start'));
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
    for (;;) {
      const params = [batchSize, retries, this.#cursor, batchSizePerKey, batchBytes, longestDelayMs];
      const rows = await session.query<TakenRow>(this.#statements.take, params);
      const { found = 0, reached = null } = rows[0] ?? {};
      const isWholeWalk = this.#cursor === '';
      this.#cursor = found === batchSize ? (reached ?? '') : '';
      const taken = rows.filter(({ position }) => position !== null);
      // Where others have what this part of the walk found, the next part may have something, and so may the beginning.
      if (taken.length > 0 || (isWholeWalk && this.#cursor === '')) return inOrder(taken);
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

interface SetAsideRow extends Omit<OutboxRow, 'content' | 'properties' | 'headers' | 'set_aside'> {
  readonly error_code: string | null;
  readonly error: string | null;
  readonly created_at: Date;
  readonly set_aside_at: Date;
}

function setAsideOf(row: SetAsideRow): SetAsideMessage {
  return {
    position: row.position,
    messageId: row.message_id,
    key: row.key ?? undefined,
    exchange: row.exchange,
    routingKey: row.routing_key,
    attempts: row.attempts,
    error: { code: row.error_code ?? '', message: row.error ?? '' },
    createdAt: row.created_at,
    setAsideAt: row.set_aside_at,
  };
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

function checkPositions(positions: readonly string[]): void {
  const wrong = !Array.isArray(positions) || positions.some((one) => !/^\d{1,18}$/.test(String(one)));
  if (!wrong) return;
  const text = 'positions must be an array of the positions that listSetAside() gave';
  throw new SurehopError('SUREHOP_OPTION_INVALID', text, { retryable: false });
}
