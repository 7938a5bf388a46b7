import { stripVTControlCharacters } from 'node:util';

/** The last bytes of a stream: what a program wrote before it failed. */
export class Tail {
  readonly #limitBytes: number;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  push(chunk: Buffer): void {
    const all = chunk.length >= this.#limitBytes ? chunk : Buffer.concat([this.#bytes, chunk]);
    this.#bytes = Buffer.from(all.subarray(Math.max(0, all.length - this.#limitBytes)));
  }

  /** As text, without colours and what else would harm a terminal. A character that was cut in two is left out. */
  text(): string {
    let start = 0;
    while (start < Math.min(3, this.#bytes.length) && ((this.#bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
    const text = stripVTControlCharacters(this.#bytes.subarray(start).toString());
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '').trim();
  }
}
