import type { OutboxStoreContext } from '@surehop/core';
import { lend } from './lending.ts';
import type { ClientPool, PoolClient } from './queryable.ts';
import { channelOf } from './schema-name.ts';

/** How long to wait for a client of the pool, in milliseconds. */
const clientTimeoutMs = 10_000;

/**
 * The one connection of a relay: it listens for NOTIFY and carries the passes. It is never given back, but ended: it is
 * set up for us.
 */
export class Session {
  readonly #client: PoolClient;
  readonly #onNotification: () => void;
  readonly #onError: () => void;
  #isOver = false;
  #isEnded = false;

  /** @throws {SurehopError} SUREHOP_POOL_EXHAUSTED, SUREHOP_STORE_UNAVAILABLE; or what the database answers */
  static async open(pool: ClientPool, schema: string, { clock, wake }: OutboxStoreContext): Promise<Session> {
    const client = await lend(pool, clock, clientTimeoutMs, 'the relay has no connection');
    const session = new Session(client, wake);
    try {
      // A pass lasts as long as the broker takes to answer.
      await client.query('SET idle_in_transaction_session_timeout = 0');
      await client.query(`LISTEN "${channelOf(schema)}"`);
      return session;
    } catch (error) {
      session.end();
      throw error;
    }
  }

  private constructor(client: PoolClient, wake: () => void) {
    this.#client = client;
    this.#onNotification = wake;
    this.#onError = () => {
      this.#isOver = true;
      wake();
    };
    client.on('notification', this.#onNotification);
    client.on('error', this.#onError);
    client.on('end', this.#onError);
  }

  /** Its connection is lost, or it was ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  async query<T>(text: string, params?: unknown[]): Promise<readonly T[]> {
    return (await this.#client.query(text, params)).rows as readonly T[];
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#isOver = true;
    this.#client.off('notification', this.#onNotification);
    this.#client.release(true);
  }
}
