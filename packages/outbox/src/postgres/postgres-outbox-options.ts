import { integer, knownKeys, oneOf } from '@surehop/core/internal';
import { defaultSchema } from './schema-name.ts';

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

export type ResolvedPostgresOutboxOptions = Readonly<Required<PostgresOutboxOptions>>;

const defaults = {
  schema: defaultSchema,
  batchSize: 500,
  batchSizePerKey: 100,
  batchBytes: 16 * 1_024 * 1_024,
  behindSetAside: 'hold',
} as const satisfies Required<PostgresOutboxOptions>;

/** The only place where defaults are applied and options are checked. */
export function resolvePostgresOutboxOptions(given: PostgresOutboxOptions): ResolvedPostgresOutboxOptions {
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
