/** A power of two. */
const slots = 256;
/** Longer texts are hardly ever the same again, in bytes. */
const longest = 64;

/** Texts that come again and again: consumer tags, exchanges, routing keys, names of headers. Decoding costs more than comparing. */
export class TextCache {
  readonly #texts: (string | undefined)[] = new Array<string | undefined>(slots).fill(undefined);

  /** The text that lies in `bytes` from `at` to `end`, in UTF-8. */
  read(bytes: Buffer, at: number, end: number): string {
    if (end - at > longest) return bytes.toString('utf8', at, end);
    let hash = end - at;
    for (let index = at; index < end; index += 1) hash = (Math.imul(hash, 31) + (bytes[index] as number)) | 0;
    const slot = hash & (slots - 1);
    const known = this.#texts[slot];
    if (known !== undefined && isAscii(known, bytes, at, end)) return known;
    const text = bytes.toString('utf8', at, end);
    this.#texts[slot] = text;
    return text;
  }
}

/** Whether the bytes are this text, one for each character. */
function isAscii(text: string, bytes: Buffer, at: number, end: number): boolean {
  if (text.length !== end - at) return false;
  for (let index = at; index < end; index += 1) {
    const byte = bytes[index] as number;
    if (byte > 0x7f || text.charCodeAt(index - at) !== byte) return false;
  }
  return true;
}
