import { base64Of } from '@surehop/core/internal';
import { parseExactly, textOf } from './exact-json.ts';

/** A body as JSON shows it: decoded where it is JSON, as base64 where it is not. */
export type BodyJson = { readonly body: unknown } | { readonly bodyBase64: string };

/** @param contentType JSON is tried where it is absent or names JSON, as the consumer does */
export function bodyJson(content: Uint8Array, contentType: string | undefined): BodyJson {
  const text = isJson(contentType) ? textOf(content) : undefined;
  try {
    if (text !== undefined) return { body: parseExactly(text) };
  } catch {
    // It only says that it is JSON.
  }
  return { bodyBase64: base64Of(content) };
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === undefined) return true;
  const [type = ''] = contentType.split(';');
  return /^application\/(?:json|[\w.-]+\+json)$/i.test(type.trim());
}
