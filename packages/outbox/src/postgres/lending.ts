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
    let isOver = false;
    const end = (settle: () => void): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      settle();
    };
    const cancel = clock.setTimeout(() => {
      const text = `${what}: the pool had no free client within ${timeoutMs} ms; give it more (max), or look for one that is not released`;
      end(() => reject(new SurehopError('SUREHOP_POOL_EXHAUSTED', text, { retryable: true })));
    }, timeoutMs);
    const onClient = (client: C): void => {
      silence(client);
      if (isOver) client.release();
      else end(() => resolve(client));
    };
    const onFailed = (thrown: unknown): void => end(() => reject(storeError(thrown, what, '')));
    connect(pool, onClient, onFailed);
  });
}

/**
 * By callback, where the pool is one of `pg`: a server that shuts down may send its farewell in the same packet as its
 * welcome, and a promise would tell of the client only after that.
 */
function connect<C extends PoolClient>(
  pool: ClientPool<C>,
  onClient: (client: C) => void,
  onFailed: (thrown: unknown) => void,
): void {
  const callback = (error: unknown, client: C | undefined): void => {
    if (client === undefined) onFailed(error);
    else onClient(client);
  };
  try {
    const returned: unknown = (pool.connect as (callback: unknown) => unknown).call(pool, callback);
    if (returned instanceof Promise) returned.then(onClient, onFailed); // a pool that knows no callbacks
  } catch (thrown) {
    onFailed(thrown);
  }
}

/** Those that have a listener of ours for good. */
const silenced = new WeakSet<PoolClient>();

/** Without any listener, the loss of a connection would end the process; whoever waits for an answer is told in any case. */
function silence(client: PoolClient): void {
  if (silenced.has(client)) return;
  silenced.add(client);
  client.on('error', () => undefined);
}

/** A client while it is lent. */
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
