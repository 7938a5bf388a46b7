import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type JournalRecord, recordOf } from './record.ts';

/**
 * A file without a name, which a process under test appends to by a descriptor it inherits, and which is read here
 * meanwhile. What was written survives the writer's SIGKILL, and nothing is left on disk when both have ended.
 */
export class Journal {
  readonly descriptor: number = openNameless();
  readonly #block = Buffer.allocUnsafe(256 * 1024);
  #position = 0;
  #rest = '';

  /** What has been written since the last call. A line that is not complete yet comes with the next call. */
  *read(): Generator<JournalRecord> {
    for (;;) {
      const length = readSync(this.descriptor, this.#block, 0, this.#block.length, this.#position);
      if (length === 0) return;
      this.#position += length;
      const lines = (this.#rest + this.#block.toString('latin1', 0, length)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) yield recordOf(line);
    }
  }

  /** All of it. */
  bytes(): Buffer {
    return bytesOf(this.descriptor);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** A whole file, wherever its writer stands. */
export function bytesOf(descriptor: number): Buffer {
  const blocks: Buffer[] = [];
  for (let position = 0; ; ) {
    const block = Buffer.allocUnsafe(1 << 20);
    const length = readSync(descriptor, block, 0, block.length, position);
    if (length === 0) return Buffer.concat(blocks);
    blocks.push(block.subarray(0, length));
    position += length;
  }
}

/** Open for appending and reading; its name is gone before anything is in it. */
export function openNameless(): number {
  const path = join(tmpdir(), `surehop-nemesis-${randomBytes(8).toString('hex')}`);
  const descriptor = openSync(path, 'ax+', 0o600);
  unlinkSync(path);
  return descriptor;
}
