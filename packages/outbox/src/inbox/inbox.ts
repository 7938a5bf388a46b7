import type { Handler, Logger, ReceivedMessage } from '@surehop/core';
import { errorFields, invalid, kindOf, systemEffects } from '@surehop/core/internal';
import { Loan } from '../postgres/lending.ts';
import { checkMigrations } from '../postgres/migrations.ts';
import type { ClientPool, PoolClient, Queryable } from '../postgres/queryable.ts';
import { quotedSchema } from '../postgres/schema-name.ts';
import { callersError, storeError, unusableTransaction } from '../postgres/sql-state.ts';
import { RetentionClock } from '../retention-clock.ts';
import { identityOf, reused } from './identity.ts';
import { type InboxOptions, type ResolvedInboxOptions, resolveInboxOptions } from './inbox-options.ts';

/** Does the work for one message, in a transaction that the inbox commits: write through `tx`, and only there. */
export type InboxHandler<T, C> = (message: ReceivedMessage<T>, tx: C) => unknown;

/** Lets each message have its effect once, however often it comes. Made by {@link createInbox}. */
export interface Inbox {
  /**
   * A handler for `createConsumer`: it runs yours in a transaction that also holds the message's id, and commits. A
   * message whose id is there already is acknowledged without running yours. One that comes while another delivery of
   * the same message is being handled waits for that one's end.
   *
   * What the handler does elsewhere, such as calling another service, is not undone with the transaction, and can happen
   * again.
   *
   * @param pool of `pg`: with at least as many clients as the consumer has `concurrency`
   * @returns rejects with what the handler threw, the transaction rolled back; with SUREHOP_POOL_EXHAUSTED,
   *   SUREHOP_STORE_UNAVAILABLE, SUREHOP_STORE_NOT_MIGRATED or SUREHOP_TRANSACTION_UNUSABLE (a statement had failed, and
   *   the handler returned all the same); with a `DeadLetter` for a message without an id, and for another message
   *   under an id that was handled
   */
  handle<T, C extends PoolClient>(pool: ClientPool<C>, handler: InboxHandler<T, C>): Handler<T>;
  /**
   * The same in a transaction of your own, such as one of Drizzle, Kysely, Prisma or postgres.js: records the message,
   * and says whether to handle it. When it has resolved to true, the handler's writes must follow in the same
   * transaction.
   *
   * @returns false: it was handled before
   * @throws {DeadLetter} as with `handle`
   */
  enter(tx: Queryable, message: ReceivedMessage<unknown>): Promise<boolean>;
  /** Forgets what is older than `retentionMs`. Done by `handle` now and then; with `enter`, call it once a day or so. */
  clean(db: Queryable): Promise<number>;
  /** @throws {SurehopError} SUREHOP_STORE_NOT_MIGRATED, naming the migration; SUREHOP_STORE_UNAVAILABLE */
  check(db: Queryable): Promise<void>;
}

const cleanEveryMs = 60_000;
const removedAtOnce = 1_000;
const migration = '0002-inbox';

/** @throws {SurehopError} SUREHOP_OPTION_INVALID, naming the option */
export function createInbox(options: InboxOptions = {}): Inbox {
  return new PostgresInbox(resolveInboxOptions(options));
}

class PostgresInbox implements Inbox {
  readonly #options: ResolvedInboxOptions;
  readonly #clock = systemEffects.clock;
  readonly #retention = new RetentionClock(this.#clock);
  readonly #record: string;
  readonly #look: string;
  readonly #forget: string;
  #cleanAt = 0;

  constructor(options: ResolvedInboxOptions) {
    const inbox = `${quotedSchema(options.schema)}.inbox`;
    this.#options = options;
    // Where another transaction has the same message, this waits for its end.
    this.#record = `INSERT INTO ${inbox} (handler, message_id, digest) VALUES ($1::text, $2::text, $3::bytea)
      ON CONFLICT (handler, message_id) DO NOTHING RETURNING true AS recorded`;
    this.#look = `SELECT digest = $3::bytea AS same FROM ${inbox} WHERE handler = $1::text AND message_id = $2::text`;
    this.#forget = `WITH gone AS (
        DELETE FROM ${inbox} WHERE ctid = ANY (ARRAY(
          SELECT ctid FROM ${inbox} WHERE handled_at < $1::timestamptz
          ORDER BY handled_at LIMIT $2::int FOR UPDATE SKIP LOCKED))
        RETURNING handler
      )
      SELECT count(*)::int AS gone FROM gone`;
  }

  handle<T, C extends PoolClient>(pool: ClientPool<C>, handler: InboxHandler<T, C>): Handler<T> {
    if (typeof (pool as Partial<ClientPool> | null | undefined)?.connect !== 'function') {
      invalid(`inbox.handle needs a pool of pg, got ${kindOf(pool)}`);
    }
    return async (message) => {
      const { clientTimeoutMs } = this.#options;
      const loan = await Loan.of(pool, this.#clock, clientTimeoutMs, 'the message was not handled');
      await inTransaction(loan, async ({ client }) => {
        if (await this.enter(client, message)) await handler(message, client);
      });
      this.#cleanNow(pool, message.log);
    };
  }

  async enter(tx: Queryable, message: ReceivedMessage<unknown>): Promise<boolean> {
    const identity = identityOf(message, this.#options.idOf);
    const params = [this.#options.handler ?? message.queue, identity.id, identity.digest];
    try {
      for (;;) {
        if ((await tx.query(this.#record, [...params])).rows.length > 0) return true;
        const [there] = (await tx.query(this.#look, [...params])).rows as { same: boolean }[];
        if (there?.same === false) throw reused(identity);
        if (there !== undefined) break;
        // It became too old between the two statements: it is recorded anew.
      }
    } catch (thrown) {
      throw callersError(thrown, `message ${identity.id}`, migration);
    }
    message.log.info({}, 'the message was handled before and is not handled again');
    return false;
  }

  async clean(db: Queryable): Promise<number> {
    let removed = 0;
    try {
      const before = await this.#retention.cutoff(db, this.#options.retentionMs);
      for (let count = removedAtOnce; count === removedAtOnce; removed += count) {
        const { rows } = await db.query(this.#forget, [before, removedAtOnce]);
        count = (rows[0] as { gone: number } | undefined)?.gone ?? 0;
      }
    } catch (thrown) {
      throw storeError(thrown, 'the inbox was not cleaned', migration);
    }
    return removed;
  }

  check(db: Queryable): Promise<void> {
    return checkMigrations(db, this.#options.schema, [migration], 'the inbox cannot be used');
  }

  /** Beside the messages, and only while some come: so there is no timer that somebody would have to stop. */
  #cleanNow(pool: ClientPool, log: Logger): void {
    if (this.#clock.now() < this.#cleanAt) return;
    this.#cleanAt = this.#clock.now() + cleanEveryMs;
    const clean = async (): Promise<void> => {
      const loan = await Loan.of(pool, this.#clock, this.#options.clientTimeoutMs, 'the inbox was not cleaned');
      try {
        await this.clean(loan.client);
      } finally {
        loan.end();
      }
    };
    clean().catch((thrown: unknown) => log.warn(errorFields(thrown), 'the inbox was not cleaned'));
  }
}

/** Commits, or rolls back and rejects. The client goes back to its pool in any case. */
async function inTransaction<C extends PoolClient>(
  loan: Loan<C>,
  work: (loan: Loan<C>) => Promise<void>,
): Promise<void> {
  const { client } = loan;
  try {
    await run(loan, 'BEGIN');
    try {
      await work(loan);
    } catch (thrown) {
      await client.query('ROLLBACK').catch(() => loan.breaks());
      throw thrown;
    }
    const { command } = await run(loan, 'COMMIT');
    // PostgreSQL answers so where a statement had failed and nobody minded.
    if (command === 'ROLLBACK') throw unusableTransaction('what the handler did', 'a statement in it had failed');
  } finally {
    loan.end();
  }
}

async function run(loan: Loan<PoolClient>, text: string): Promise<{ readonly command?: string }> {
  try {
    return await loan.client.query(text);
  } catch (thrown) {
    loan.breaks();
    throw storeError(thrown, 'the message was not handled', migration);
  }
}
