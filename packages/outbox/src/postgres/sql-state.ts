import { SurehopError } from '@surehop/core';
import { asError } from '@surehop/core/internal';

/** PostgreSQL's five characters for an error, wherever a library has put them; undefined where there are none. */
export function sqlStateOf(thrown: unknown): string | undefined {
  let current: unknown = thrown;
  for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth += 1) {
    const { code, originalCode, cause, meta } = current as Nested;
    for (const state of [originalCode, code]) {
      if (typeof state === 'string' && /^[0-9A-Z]{5}$/.test(state) && !/^P2\d\d\d$/.test(state)) return state;
    }
    current = meta?.driverAdapterError ?? cause;
  }
  return undefined;
}

interface Nested {
  readonly code?: unknown;
  /** Prisma's driver adapters. */
  readonly originalCode?: unknown;
  readonly cause?: unknown;
  readonly meta?: { readonly driverAdapterError?: unknown };
}

const missingTable = new Set(['42P01', '3F000', '42703', '42883']);
const unusable = new Set(['25P01', '25P02', '25006']);

/**
 * What a statement of ours failed with, as a caller is told. Errors that mean something to the caller's own transaction,
 * such as a serialization failure or a deadlock, stay what they are: whoever repeats transactions looks for them.
 */
export function callersError(thrown: unknown, what: string, migration: string): unknown {
  const state = sqlStateOf(thrown);
  const cause = asError(thrown);
  if (state !== undefined && missingTable.has(state)) return notMigrated(what, migration, cause);
  if (state !== undefined && unusable.has(state)) return unusableTransaction(what, cause.message, cause);
  if (/has been released|client was closed|not queryable|Transaction already closed/i.test(cause.message)) {
    return unusableTransaction(what, cause.message, cause);
  }
  return thrown;
}

/** What a store of ours failed with on a connection of its own. */
export function storeError(thrown: unknown, what: string, migration: string): SurehopError {
  if (thrown instanceof SurehopError) return thrown;
  const cause = asError(thrown);
  const state = sqlStateOf(thrown);
  if (state !== undefined && missingTable.has(state)) return notMigrated(what, migration, cause);
  return new SurehopError('SUREHOP_STORE_UNAVAILABLE', `${what}: the database did not do it: ${cause.message}`, {
    retryable: true,
    cause,
  });
}

export function notMigrated(what: string, migration: string, cause?: unknown): SurehopError {
  const advice = 'apply outbox.sql, or migrate(), or the parts of it that are missing; docs/outbox.md says how';
  const text = `${what}: migration ${migration} has not been applied; ${advice}`;
  return new SurehopError('SUREHOP_STORE_NOT_MIGRATED', text, { retryable: false, cause });
}

export function unusableTransaction(what: string, why: string, cause?: unknown): SurehopError {
  const text = `${what} was not stored: ${why}. It needs a transaction that was begun and has neither failed nor ended`;
  return new SurehopError('SUREHOP_TRANSACTION_UNUSABLE', text, { retryable: false, cause });
}
