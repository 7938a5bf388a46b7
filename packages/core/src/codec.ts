import { SurehopError } from './errors.ts';

/** How a body becomes bytes and comes back. */
export interface Codec {
  /** Set as `content_type` on what is published. */
  readonly contentType: string;
  /** May throw; the publish then rejects with SUREHOP_BODY_UNENCODABLE and nothing is written. */
  encode(value: unknown): Uint8Array;
  /** May throw; the message is then dead at once, its bytes kept as they came. */
  decode(content: Uint8Array): unknown;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * JSON in UTF-8, the default. What `JSON.stringify` leaves out or changes (functions, `Map`, `NaN`) is left out and
 * changed here too; a body that as a whole has no JSON is refused.
 */
export const jsonCodec: Codec = Object.freeze({
  contentType: 'application/json',
  encode(value: unknown): Uint8Array {
    const json = stringify(value);
    if (json === undefined) throw unencodable(`a body of type ${typeof value} has no JSON`);
    return Buffer.from(json);
  },
  decode(content: Uint8Array): unknown {
    return JSON.parse(utf8.decode(content));
  },
});

function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw unencodable('the body cannot be encoded as JSON', cause); // circular, a BigInt, a toJSON that throws
  }
}

/** The error for a body that its codec cannot turn into bytes. */
function unencodable(message: string, cause?: unknown): SurehopError {
  return new SurehopError('SUREHOP_BODY_UNENCODABLE', message, { retryable: false, cause });
}

/** Whether a content type means JSON: absent, `application/json`, or any `+json`, parameters aside. */
export function isJson(contentType: string | undefined): boolean {
  if (contentType === undefined || contentType === '') return true;
  const type = mediaType(contentType);
  return type === 'application/json' || type.endsWith('+json');
}

/** Whether a codec can decode what came with this content type; one without any is taken for the codec's own. */
export function accepts(codec: Codec, contentType: string | undefined): boolean {
  if (contentType === undefined || contentType === '' || contentType === codec.contentType) return true;
  if (isJson(codec.contentType)) return isJson(contentType);
  return mediaType(contentType) === mediaType(codec.contentType);
}

/** `application/json` of `Application/JSON; charset=utf-8`. */
function mediaType(contentType: string): string {
  const [type = ''] = contentType.split(';', 1);
  return type.trim().toLowerCase();
}
