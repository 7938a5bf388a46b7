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
  /** Of the file, up to and with this line. */
  readonly end: number;
}

/** How far a file was read: bytes and lines from its beginning, and the hash over them. */
type Position = Pick<ImportProgress, 'bytes' | 'sha256' | 'lines'>;

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
  /** Before the lines that `next` gave last. */
  #before: { readonly bytes: number; readonly hash: Hash; readonly lines: number } | undefined;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Of the lines that were handed out: how many bytes and lines, and the hash over them. */
  get position(): Position {
    return { bytes: this.#handedOut, sha256: digestOf(this.#hash), lines: this.#lines };
  }

  /** After so many of the lines that `next` gave last: reads them once more. */
  async positionAfter(lines: readonly NumberedLine[]): Promise<Position> {
    const { bytes: from, hash, lines: before } = this.#before ?? { bytes: 0, hash: createHash('sha256'), lines: 0 };
    const bytes = lines.at(-1)?.end ?? from;
    const upTo = hash.copy();
    for (let at = from; at < bytes; ) {
      const chunk = await this.#chunk(at, Math.min(chunkBytes, bytes - at));
      if (chunk.length === 0) throw new Error('it became shorter while it was read');
      upTo.update(chunk);
      at += chunk.length;
    }
    return { bytes, sha256: digestOf(upTo), lines: before + lines.length };
  }

  /** Passes over what an earlier import has done. False when that is not what it was. */
  async skip({ bytes, sha256, lines }: Position): Promise<boolean> {
    while (this.#at < bytes) {
      const chunk = await this.#next(Math.min(chunkBytes, bytes - this.#at));
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
    this.#before = { bytes: this.#handedOut, hash: this.#hash.copy(), lines: this.#lines };
    while (lines.length === 0) {
      const chunk = await this.#next(chunkBytes);
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
    const bytes = isTooLong ? undefined : whole.subarray(0, whole.length - (isEnded ? 1 : 0));
    return { number: this.#lines, bytes, end: this.#handedOut };
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

  async #next(bytes: number): Promise<Buffer> {
    const chunk = await this.#chunk(this.#at, bytes);
    this.#at += chunk.length;
    return chunk;
  }

  async #chunk(at: number, bytes: number): Promise<Buffer> {
    const { bytesRead, buffer } = await this.#handle.read(Buffer.allocUnsafeSlow(bytes), 0, bytes, at);
    return buffer.subarray(0, bytesRead);
  }
}

function digestOf(hash: Hash): string {
  return hash.copy().digest('hex');
}
