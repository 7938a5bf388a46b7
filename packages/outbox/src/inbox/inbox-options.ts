import { functionOption, integer, knownKeys, nonEmptyString } from '@surehop/core/internal';
import { defaultSchema } from '../postgres/schema-name.ts';
import type { IdOf } from './identity.ts';

export interface InboxOptions {
  /**
   * The schema of the tables: letters, digits and `_`.
   * @default 'surehop'
   */
  readonly schema?: string;
  /**
   * What handles the messages: each handler has the effect of a message once. Not empty.
   * @default the name of the queue that the message came from
   */
  readonly handler?: string;
  /**
   * What tells a message from others, where that is not its id.
   * @default the message id
   */
  readonly idOf?: IdOf;
  /**
   * How long to know what was handled, in milliseconds, 1_000 to ten years. Longer than any copy of a message can be on
   * its way: in retries, in a relay that was down, in a dead-letter queue until somebody replays it.
   * @default 604_800_000 (7 days)
   */
  readonly retentionMs?: number;
  /**
   * How long to wait for a client of the pool, in milliseconds, 1 to 600_000.
   * @default 10_000
   */
  readonly clientTimeoutMs?: number;
}

export interface ResolvedInboxOptions {
  readonly schema: string;
  readonly handler: string | undefined;
  readonly idOf: IdOf | undefined;
  readonly retentionMs: number;
  readonly clientTimeoutMs: number;
}

const dayMs = 24 * 3_600_000;

/** The only place where defaults are applied and options are checked. */
export function resolveInboxOptions(given: InboxOptions): ResolvedInboxOptions {
  knownKeys('createInbox', given, ['schema', 'handler', 'idOf', 'retentionMs', 'clientTimeoutMs']);
  const resolved = {
    schema: given.schema ?? defaultSchema,
    handler: given.handler,
    idOf: given.idOf,
    retentionMs: given.retentionMs ?? 7 * dayMs,
    clientTimeoutMs: given.clientTimeoutMs ?? 10_000,
  };
  if (resolved.handler !== undefined) nonEmptyString('handler', resolved.handler);
  if (resolved.idOf !== undefined) functionOption('idOf', resolved.idOf);
  integer('retentionMs', resolved.retentionMs, 1_000, 10 * 365 * dayMs);
  integer('clientTimeoutMs', resolved.clientTimeoutMs, 1, 600_000);
  return Object.freeze(resolved);
}
