import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { ImportProgress } from './import-journal.ts';

const chunkBytes = 262_144;

/** Longer lines are not read, in bytes: a message of 128 MiB in base64, and room. */
const longestLine = 256 * 1024 * 1024;

/** A line, without its newline. Undefined where it is longer than any message can be. */
export interface NumberedLine {
  readonly number: number;
  readonly bytes: Buffer | undefined;
}

/** Reads the lines of a file from its beginning, and knows how far it has come. */
export class ImportLines {
  readonly #handle: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  /** Read, and not handed out: a part of a line. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  #at = 0;
  #handedOut = 0;
  #lines = 0;
  #isTooLong = false;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Of the lines that were handed out: how many bytes and lines, and the hash over them. */
  get position(): Pick<ImportProgress, 'bytes' | 'sha256' | 'lines'> {
    return { bytes: this.#handedOut, sha256: this.#hash.copy().digest('hex'), lines: this.#lines };
  }

  /** Passes over what an earlier import has done. False when that is not what it was. */
  async skip({ bytes, sha256, lines }: Pick<ImportProgress, 'bytes' | 'sha256' | 'lines'>): Promise<boolean> {
    while (this.#at < bytes) {
      const chunk = await this.#chunk(Math.min(chunkBytes, bytes - this.#at));
      if (chunk.length === 0) return false;
      this.#hash.update(chunk);
    }
    this.#handedOut = bytes;
    this.#lines = lines;
    return this.position.sha256 === sha256;
  }

  /** The lines that come next, of at least one chunk, where the file has them; none at its end. */
  async next(): Promise<NumberedLine[]> {
    const lines: NumberedLine[] = [];
    while (lines.length === 0) {
      const chunk = await this.#chunk(chunkBytes);
      if (chunk.length === 0) {
        if (this.#restBytes > 0 || this.#isTooLong) lines.push(this.#line(Buffer.alloc(0)));
        return lines;
      }
      let from = 0;
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
        lines.push(this.#line(chunk.subarray(from, end + 1)));
        from = end + 1;
      }
      this.#keep(chunk.subarray(from));
    }
    return lines;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#rest.push(part);
    this.#restBytes += part.length;
    if (this.#restBytes <= longestLine) return;
    this.#handOut();
    this.#isTooLong = true;
  }

  #line(end: Buffer): NumberedLine {
    if (end.length > 0) {
      this.#rest.push(end);
      this.#restBytes += end.length;
    }
    const isTooLong = this.#isTooLong;
    this.#isTooLong = false;
    const whole = this.#handOut();
    this.#lines += 1;
    const isEnded = whole.at(-1) === 0x0a;
    return { number: this.#lines, bytes: isTooLong ? undefined : whole.subarray(0, whole.length - (isEnded ? 1 : 0)) };
  }

  #handOut(): Buffer {
    const [only] = this.#rest;
    const whole = this.#rest.length === 1 && only !== undefined ? only : Buffer.concat(this.#rest);
    this.#rest = [];
    this.#restBytes = 0;
    this.#hash.update(whole);
    this.#handedOut += whole.length;
    return whole;
  }

  async #chunk(bytes: number): Promise<Buffer> {
    const { bytesRead, buffer } = await this.#handle.read(Buffer.allocUnsafeSlow(bytes), 0, bytes, this.#at);
    this.#at += bytesRead;
    return buffer.subarray(0, bytesRead);
  }
}
