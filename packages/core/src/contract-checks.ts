import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Codec } from './codec.ts';
import { functionOption, invalid, kindOf, nonEmptyString } from './option-checks.ts';

const code = 'SUREHOP_CONTRACT_INVALID';

/** @throws {SurehopError} SUREHOP_CONTRACT_INVALID */
export function checkSchema(what: string, schema: StandardSchemaV1 | undefined): void {
  if (schema === undefined) return;
  const validate: unknown = (schema as Partial<StandardSchemaV1> | null)?.['~standard']?.validate;
  if (typeof validate === 'function') return;
  invalid(`schema of ${what} must be a Standard Schema (zod, valibot, arktype …), got ${kindOf(schema)}`, code);
}

/** @throws {SurehopError} SUREHOP_CONTRACT_INVALID */
export function checkCodec(what: string, codec: Partial<Codec>): void {
  if (typeof codec !== 'object' || codec === null) {
    invalid(`codec of ${what} must be an object, got ${kindOf(codec)}`, code);
  }
  nonEmptyString(`codec.contentType of ${what}`, codec.contentType, code);
  functionOption(`codec.encode of ${what}`, codec.encode, code);
  functionOption(`codec.decode of ${what}`, codec.decode, code);
}
