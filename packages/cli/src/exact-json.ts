/** What JSON.parse tells its reviver, and JSON.rawJSON, in every Node that this package runs on; not in the types yet. */
interface WithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}
const { parse, rawJSON } = JSON as unknown as WithSource;

/**
 * As JSON.parse, but for numbers that JavaScript cannot hold exactly, or would write in another way: they are kept as they
 * stand, and JSON.stringify writes them so. A body of `12345678901234567890` or `1.50` passes through unchanged.
 *
 * @throws {SyntaxError}
 */
export function parseExactly(text: string): unknown {
  return parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value,
  );
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that the bytes are; undefined where they are no UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
