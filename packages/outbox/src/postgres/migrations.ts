import type { Queryable } from './queryable.ts';
import { defaultSchema, quotedSchema } from './schema-name.ts';
import { notMigrated, sqlStateOf, storeError } from './sql-state.ts';

/** One step of the tables' history. Steps are never changed, only added. */
export interface Migration {
  /** Its number and what it is about, for example `0001-outbox`. */
  readonly name: string;
  /** Statements of PostgreSQL, for the schema that was asked for. */
  readonly sql: string;
}

export interface SchemaOptions {
  /**
   * The schema of the tables: letters, digits and `_`.
   * @default 'surehop'
   */
  readonly schema?: string;
}

const outboxTables = `CREATE TABLE surehop.migration (
  name text PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row per key: whoever adds a message of the key holds its lock until the end of the transaction. A message takes its
-- position under that lock, so that the positions of a key grow in the order of the commits.
CREATE TABLE surehop.outbox_key (
  key text COLLATE "C" PRIMARY KEY,
  used_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

CREATE TABLE surehop.outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  message_id text COLLATE "C" NOT NULL UNIQUE,
  key text COLLATE "C" CHECK (key <> ''),
  exchange text NOT NULL,
  routing_key text NOT NULL,
  content bytea NOT NULL,
  properties json NOT NULL,
  headers json,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  attempts integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT '-infinity', -- never tried: due whatever the clock says
  error_code text,
  error text,
  set_aside_at timestamptz,
  sent_at timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- Bodies are often compressed already, or small: what is large goes beside the table as it is.
ALTER TABLE surehop.outbox ALTER COLUMN content SET STORAGE EXTERNAL;

-- What is due and has no key: first tries by position, later ones by time.
CREATE INDEX outbox_due ON surehop.outbox (due_at, position)
  WHERE sent_at IS NULL AND set_aside_at IS NULL AND key IS NULL;
-- The oldest unsent message of each key, and those behind it.
CREATE INDEX outbox_key_order ON surehop.outbox (key, position) WHERE sent_at IS NULL AND key IS NOT NULL;
CREATE INDEX outbox_set_aside ON surehop.outbox (position) WHERE set_aside_at IS NOT NULL;
CREATE INDEX outbox_sent ON surehop.outbox (sent_at) WHERE sent_at IS NOT NULL;

INSERT INTO surehop.migration (name) VALUES ('0001-outbox');`;

const inboxTable = `CREATE TABLE surehop.inbox (
  handler text COLLATE "C" NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  digest bytea NOT NULL, -- SHA-256 of the body
  handled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (handler, message_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX inbox_handled ON surehop.inbox (handled_at);

INSERT INTO surehop.migration (name) VALUES ('0002-inbox');`;

const positionTable = `-- How far somebody has come who goes through numbered things: a reader in a stream, a consumer in a sequence.
CREATE TABLE surehop.position (
  name text COLLATE "C" PRIMARY KEY,
  position bigint NOT NULL,
  saved_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

INSERT INTO surehop.migration (name) VALUES ('0003-position');`;

const sequenceTable = `-- The last number of each sequence. Whoever takes the next one holds the row's lock until the end of the transaction.
CREATE TABLE surehop.sequence (
  name text COLLATE "C" PRIMARY KEY,
  run text NOT NULL,
  last bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

INSERT INTO surehop.migration (name) VALUES ('0004-sequence');`;

const delayColumn = `-- When a message is to come that the broker is to delay; null for one that is to come at once. Relays send both at once.
ALTER TABLE surehop.outbox ADD COLUMN deliver_at timestamptz;

INSERT INTO surehop.migration (name) VALUES ('0005-delay');`;

const history: readonly Migration[] = [
  { name: '0001-outbox', sql: `CREATE SCHEMA IF NOT EXISTS surehop;\n\n${outboxTables}` },
  { name: '0002-inbox', sql: inboxTable },
  { name: '0003-position', sql: positionTable },
  { name: '0004-sequence', sql: sequenceTable },
  { name: '0005-delay', sql: delayColumn },
];

export type MigrationName = '0001-outbox' | '0002-inbox' | '0003-position' | '0004-sequence' | '0005-delay';

/** Every migration, in order, for a tool of your own. `outbox.sql` is the same for the schema `surehop`. */
export function migrations(options: SchemaOptions = {}): readonly Migration[] {
  const schema = quotedSchema(options.schema);
  if (schema === `"${defaultSchema}"`) return history;
  return history.map(({ name, sql }) => ({
    name,
    sql: sql.replaceAll('surehop.', `${schema}.`).replace('NOT EXISTS surehop;', `NOT EXISTS ${schema};`),
  }));
}

/** All migrations as one file of SQL. */
export function outboxSql(options: SchemaOptions = {}): string {
  const steps = migrations(options).map(({ name, sql }) => `-- ${name}\n\n${sql}\n`);
  return `-- The tables of @surehop/outbox. Each migration stands under its name; apply those that are missing, in order.\n\n${steps.join('\n')}`;
}

/**
 * Applies what is missing, in one transaction; processes that do it at the same time wait for each other.
 *
 * @param client one connection, on which no transaction is open; not a pool
 * @returns the names of what was applied
 */
export async function migrate(client: Queryable, options: SchemaOptions = {}): Promise<readonly string[]> {
  const schema = options.schema ?? defaultSchema;
  const steps = migrations(options);
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0)) IS NULL', [`surehop ${schema}`]);
    const applied = await appliedIn(client, schema);
    const missing = steps.filter(({ name }) => !applied.has(name));
    for (const { sql } of missing) await client.query(sql);
    await client.query('COMMIT');
    return missing.map(({ name }) => name);
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined); // the first error tells more
    throw error;
  }
}

/** @throws {SurehopError} SUREHOP_STORE_NOT_MIGRATED, naming the first that is missing; SUREHOP_STORE_UNAVAILABLE */
export async function checkMigrations(
  client: Queryable,
  schema: string,
  needed: readonly MigrationName[],
  what: string,
): Promise<void> {
  let applied: ReadonlySet<string>;
  try {
    applied = await appliedIn(client, schema);
  } catch (thrown) {
    throw storeError(thrown, what, needed[0] ?? '');
  }
  const missing = needed.find((name) => !applied.has(name));
  if (missing !== undefined) throw notMigrated(`${what} (schema ${schema})`, missing);
}

/** Without an error where there is no table: inside a transaction it would end that one. */
async function appliedIn(client: Queryable, schema: string): Promise<ReadonlySet<string>> {
  const table = `${quotedSchema(schema)}.migration`;
  const found = await client.query('SELECT to_regclass($1::text) IS NOT NULL AS there', [table]);
  if ((found.rows[0] as { there: boolean } | undefined)?.there !== true) return new Set();
  try {
    const { rows } = await client.query(`SELECT name FROM ${table}`);
    return new Set(rows.map((row) => (row as { name: string }).name));
  } catch (thrown) {
    if (sqlStateOf(thrown) === '42P01') return new Set(); // dropped meanwhile
    throw thrown;
  }
}
