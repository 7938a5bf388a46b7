import { SurehopError } from '@surehop/core';
import type { Clock } from '@surehop/core/internal';
import type { ClientPool, PoolClient } from './queryable.ts';
import { storeError } from './sql-state.ts';

/**
 * A client of the pool, or an error: a pool without a free one would let us wait for ever. A client that comes too late
 * goes back.
 *
 * @throws {SurehopError} SUREHOP_POOL_EXHAUSTED, SUREHOP_STORE_UNAVAILABLE
 */
export function lend<C extends PoolClient>(
  pool: ClientPool<C>,
  clock: Clock,
  timeoutMs: number,
  what: string,
): Promise<C> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const cancel = clock.setTimeout(() => {
      isLate = true;
      const text = `${what}: the pool had no free client within ${timeoutMs} ms; give it more (max), or look for one that is not released`;
      reject(new SurehopError('SUREHOP_POOL_EXHAUSTED', text, { retryable: true }));
    }, timeoutMs);
    const failed = (thrown: unknown): void => {
      cancel();
      reject(storeError(thrown, what, ''));
    };
    try {
      pool.connect().then((client) => {
        cancel();
        if (isLate) client.release();
        else resolve(client);
      }, failed);
    } catch (thrown) {
      failed(thrown);
    }
  });
}

/** A client while it is lent: without a listener, the loss of its connection would end the process. */
export class Loan<C extends PoolClient> {
  readonly client: C;
  #isBroken = false;
  readonly #onError = (): void => {
    this.#isBroken = true;
  };

  /** As {@link lend}. */
  static async of<C extends PoolClient>(...asked: Parameters<typeof lend<C>>): Promise<Loan<C>> {
    return new Loan(await lend(...asked));
  }

  private constructor(client: C) {
    this.client = client;
    client.on('error', this.#onError);
  }

  /** The client cannot be used again: its connection is to end. */
  breaks(): void {
    this.#isBroken = true;
  }

  end(): void {
    this.client.off('error', this.#onError);
    this.client.release(this.#isBroken);
  }
}
