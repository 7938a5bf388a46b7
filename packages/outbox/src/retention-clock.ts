import { type Logger, SurehopError } from '@surehop/core';
import { type Clock, errorFields } from '@surehop/core/internal';
import type { Queryable } from './postgres/queryable.ts';

/** Further apart than this, the database's clock has been set. */
const toleranceMs = 60_000;

/**
 * Until when what is old may go, by the database's clock, but never later than by the time that has passed here: a clock
 * that jumps ahead must not make everything old at once.
 */
export class RetentionClock {
  readonly #clock: Clock;
  readonly #log: Logger | undefined;
  #first: { readonly databaseMs: number; readonly now: number } | undefined;
  #isTold = false;

  constructor(clock: Clock, log?: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  async cutoff(client: Queryable, retentionMs: number): Promise<Date> {
    const { rows } = await client.query('SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms');
    return this.cutoffAt((rows[0] as { ms: number }).ms, retentionMs);
  }

  /** Pure but for what it remembers of the first call. */
  cutoffAt(databaseMs: number, retentionMs: number): Date {
    const now = this.#clock.now();
    this.#first ??= { databaseMs, now };
    const expectedMs = this.#first.databaseMs + (now - this.#first.now);
    if (Math.abs(databaseMs - expectedMs) > toleranceMs) this.#tell(databaseMs - expectedMs);
    return new Date(Math.min(databaseMs, expectedMs) - retentionMs);
  }

  #tell(jumpMs: number): void {
    if (this.#isTold) return;
    this.#isTold = true;
    const text = 'the clock of the database has jumped; what is old is removed by the time that has passed here';
    const error = new SurehopError('SUREHOP_CLOCK_JUMPED', text, { retryable: false });
    this.#log?.warn({ ...errorFields(error), jumpMs: Math.round(jumpMs) }, 'the clock of the database has jumped');
  }
}
