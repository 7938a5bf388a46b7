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
