import type { StandardSchemaV1 } from '@standard-schema/spec';
import { accepts, type Codec } from './codec.ts';
import { asError, BodyInvalidError, type BodyIssue, SurehopError } from './errors.ts';

/**
 * Checks a value against a schema and gives what the schema made of it. A schema that answers at once is answered for
 * at once; a promise comes only where the schema gave one.
 *
 * @param what for the error, for example `the body for queue "orders"`
 * @throws {BodyInvalidError} also as a rejection: the value does not fit, or the validator itself failed, with its error as the cause
 */
export function validate<In, Out>(schema: StandardSchemaV1<In, Out>, value: unknown, what: string): Out | Promise<Out> {
  let result: ReturnType<StandardSchemaV1<In, Out>['~standard']['validate']>;
  try {
    result = schema['~standard'].validate(value);
  } catch (cause) {
    throw validatorFailed(what, cause);
  }
  if (!isThenable(result)) return fitting(result, what);
  return Promise.resolve(result).then(
    (later) => fitting(later, what),
    (cause: unknown) => {
      throw validatorFailed(what, cause);
    },
  );
}

/** How a delivered body is to be read: a contract, or as much of one. */
export interface BodyRule<Out = unknown> {
  readonly codec: Codec;
  readonly schema: StandardSchemaV1<unknown, Out> | undefined;
}

/** What became of a delivered body. Its bytes are kept as they came in any case. */
export type DecodedBody<T> =
  | { readonly ok: true; readonly body: T }
  | { readonly ok: false; readonly reason: 'undecodable' | 'invalid'; readonly error: SurehopError };

/**
 * Turns delivered bytes into a body. Never throws or rejects; a promise comes only where the schema gave one.
 *
 * Bytes of a content type that the codec does not know are the body themselves where there is no schema to check them.
 */
export function decodeBody<Out>(
  rule: BodyRule<Out>,
  contentType: string | undefined,
  content: Uint8Array,
): DecodedBody<Out> | Promise<DecodedBody<Out>> {
  const { codec, schema } = rule;
  if (!accepts(codec, contentType)) {
    if (schema === undefined) return { ok: true, body: content as Out };
    const text = `content type ${JSON.stringify(contentType?.slice(0, 100))} is not the contract's ${codec.contentType}`;
    return undecodable(text);
  }
  let value: unknown;
  try {
    value = codec.decode(content);
  } catch (cause) {
    return undecodable(`the body cannot be decoded as ${codec.contentType}`, cause);
  }
  return schema === undefined ? { ok: true, body: value as Out } : checked(schema, value);
}

function checked<Out>(
  schema: StandardSchemaV1<unknown, Out>,
  value: unknown,
): DecodedBody<Out> | Promise<DecodedBody<Out>> {
  try {
    const body = validate(schema, value, 'the body');
    return isThenable(body) ? body.then((later) => ({ ok: true, body: later }), invalid) : { ok: true, body };
  } catch (error) {
    return invalid(error);
  }
}

function invalid(error: unknown): DecodedBody<never> {
  return { ok: false, reason: 'invalid', error: error as BodyInvalidError };
}

function undecodable(message: string, cause?: unknown): DecodedBody<never> {
  const error = new SurehopError('SUREHOP_BODY_INVALID', message, { retryable: false, cause });
  return { ok: false, reason: 'undecodable', error };
}

function fitting<Out>(result: StandardSchemaV1.Result<Out>, what: string): Out {
  if (typeof result !== 'object' || result === null) {
    throw validatorFailed(what, new TypeError('it answered with neither a value nor issues'));
  }
  if (!result.issues) return result.value;
  throw new BodyInvalidError(what, result.issues.map(bodyIssue));
}

function bodyIssue(issue: StandardSchemaV1.Issue): BodyIssue {
  return { path: pathOf(issue.path ?? []), message: issue.message };
}

/** `items[0].price` */
function pathOf(segments: NonNullable<StandardSchemaV1.Issue['path']>): string {
  return segments
    .map((segment) => (typeof segment === 'object' ? segment.key : segment))
    .reduce<string>((path, key) => {
      if (typeof key === 'number') return `${path}[${key}]`;
      return path === '' ? String(key) : `${path}.${String(key)}`;
    }, '');
}

function validatorFailed(what: string, cause: unknown): BodyInvalidError {
  return new BodyInvalidError(what, [{ path: '', message: `the schema failed: ${asError(cause).message}` }], { cause });
}

function isThenable<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
