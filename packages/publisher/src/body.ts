import { isSurehopError, SurehopError } from '@surehop/core';
import { kindOf, validate } from '@surehop/core/internal';
import type { Contract } from './pending.ts';

/**
 * Checks a body by the contract's schema. What the schema makes of it is not used.
 *
 * @returns a promise where the schema answers later; it may be left alone, nobody need handle its rejection
 * @throws {BodyInvalidError} also as the rejection
 */
export function checkBody({ schema, kind, name }: Contract, body: unknown): Promise<unknown> | undefined {
  if (schema === undefined) return undefined;
  const result = validate(schema, body, `the body for ${kind} "${name}"`);
  if (!(result instanceof Promise)) return undefined;
  result.catch(() => undefined);
  return result;
}

/** @throws {SurehopError} SUREHOP_BODY_UNENCODABLE, whatever the codec threw */
export function encodeBody({ codec, kind, name }: Contract, body: unknown): Uint8Array {
  let content: unknown;
  try {
    content = codec.encode(body);
  } catch (cause) {
    if (isSurehopError(cause, 'SUREHOP_BODY_UNENCODABLE')) throw cause;
    throw unencodable(`the body for ${kind} "${name}" cannot be encoded as ${codec.contentType}`, cause);
  }
  if (content instanceof Uint8Array) return content;
  throw unencodable(`the codec of ${kind} "${name}" must give a Uint8Array, it gave ${kindOf(content)}`);
}

function unencodable(message: string, cause?: unknown): SurehopError {
  return new SurehopError('SUREHOP_BODY_UNENCODABLE', message, { retryable: false, cause });
}
