import type { PositionStore } from '@surehop/core';
import { integer, invalid, kindOf, knownKeys, nonEmptyString } from '@surehop/core/internal';
import type { SchemaOptions } from './migrations.ts';
import type { Queryable } from './queryable.ts';
import { quotedSchema } from './schema-name.ts';
import { storeError } from './sql-state.ts';

const migration = '0003-position';
const what = 'a position';

/**
 * Positions in PostgreSQL: of a stream's readers, of a consumer's sequences.
 *
 * @param db what runs single statements, such as a pool of `pg`; a position is saved when its statement has committed
 * @throws {SurehopError} SUREHOP_OPTION_INVALID, naming the option. Its calls reject with SUREHOP_STORE_UNAVAILABLE and
 *   SUREHOP_STORE_NOT_MIGRATED
 */
export function postgresPositions(db: Queryable, options: SchemaOptions = {}): PositionStore {
  if (typeof (db as Partial<Queryable> | null | undefined)?.query !== 'function') {
    invalid(`postgresPositions needs something with query(text, params), got ${kindOf(db)}`);
  }
  knownKeys('postgresPositions', options, ['schema']);
  const table = `${quotedSchema(options.schema)}.position`;
  const load = `SELECT position::text FROM ${table} WHERE name = $1::text`;
  const save = `INSERT INTO ${table} AS p (name, position) VALUES ($1::text, $2::bigint)
    ON CONFLICT (name) DO UPDATE SET position = excluded.position, saved_at = clock_timestamp()
    WHERE p.position < excluded.position`;
  const query = async (text: string, params: unknown[]): Promise<readonly unknown[]> => {
    try {
      return (await db.query(text, params)).rows;
    } catch (thrown) {
      throw storeError(thrown, what, migration);
    }
  };
  return {
    async load(name) {
      nonEmptyString('the name of a position', name);
      const [row] = (await query(load, [name])) as { readonly position: string }[];
      return row === undefined ? undefined : Number(row.position);
    },
    async save(name, position) {
      nonEmptyString('the name of a position', name);
      integer('a position', position, 0);
      await query(save, [name, position]);
    },
  };
}
