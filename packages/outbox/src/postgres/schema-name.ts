import { invalid, nonEmptyString } from '@surehop/core/internal';

export const defaultSchema = 'surehop';

/** A channel of LISTEN is the schema's name and a suffix, in 63 bytes. */
const longestName = 56;

/**
 * A schema's name as it stands in a statement.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID for what is no plain name: it is written into statements
 */
export function quotedSchema(schema: unknown = defaultSchema): string {
  nonEmptyString('schema', schema);
  if (/^[a-z_][a-z0-9_]*$/i.test(schema) && schema.length <= longestName) return `"${schema}"`;
  return invalid(`schema must be letters, digits and _, not longer than ${longestName}, and begin with no digit`);
}

/** What relays listen to. */
export function channelOf(schema: string): string {
  return `${schema}_outbox`;
}
