import { type FileHandle, open } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { SurehopError } from '@surehop/core';
import { asError } from '@surehop/core/internal';

/** Where the lines of an export go. */
export interface Destination {
  /** Resolves once it has them for good. The bytes are written over afterwards. */
  write(bytes: Buffer): Promise<void>;
  close(): Promise<void>;
}

/** Room for lines that are not flushed, in bytes; there is more where one line needs it. */
const usualRoom = 1_048_576;

/** Gathers lines, and hands them on together. */
export class Sink {
  readonly #destination: Destination | undefined;
  /** One for all of them: lines by the million leave no garbage. */
  #room: Buffer = Buffer.allocUnsafeSlow(usualRoom);
  #used = 0;
  #bytes = 0;

  /** @param destination none for a dry run: lines are only counted */
  constructor(destination: Destination | undefined) {
    this.#destination = destination;
  }

  /** As far as they were flushed. */
  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#used >= usualRoom / 2;
  }

  write(line: string): void {
    // Three bytes is the most that one UTF-16 unit takes.
    const needed = this.#used + 3 * line.length + 1;
    if (needed > this.#room.length) {
      const larger = Buffer.allocUnsafeSlow(2 * needed);
      this.#room.copy(larger, 0, 0, this.#used);
      this.#room = larger;
    }
    this.#used += this.#room.write(line, this.#used);
    this.#used = this.#room.writeUInt8(0x0a, this.#used);
  }

  async flush(): Promise<void> {
    if (this.#used === 0) return;
    await this.#destination?.write(this.#room.subarray(0, this.#used));
    this.#bytes += this.#used;
    this.forget();
  }

  /** Drops what was not flushed. */
  forget(): void {
    this.#used = 0;
    if (this.#room.length > 2 * usualRoom) this.#room = Buffer.allocUnsafeSlow(usualRoom);
  }

  async close(): Promise<void> {
    await this.#destination?.close();
  }
}

/**
 * A file that must not exist, or, to go on with, may; only its owner may read it.
 *
 * @throws {SurehopError} SUREHOP_FILE_UNUSABLE
 */
export async function fileDestination(path: string, goOn: boolean): Promise<Destination> {
  const handle = await usable(path, () => open(path, goOn ? 'a+' : 'wx', 0o600));
  if (goOn) await usable(path, () => endLine(handle));
  return {
    write: (bytes) =>
      usable(path, async () => {
        await handle.appendFile(bytes);
        await handle.datasync();
      }),
    close: () => usable(path, () => handle.close()),
  };
}

/** A stream of the caller's: it is not ended. What it fails with ends the export. */
export function streamDestination(stream: Writable): Destination {
  return {
    write: (bytes) =>
      usable('the stream', () => {
        return new Promise((resolve, reject) => {
          const onClose = (): void => reject(new Error('it was closed'));
          stream.once('close', onClose);
          stream.write(Buffer.from(bytes), (error) => {
            stream.off('close', onClose);
            if (error) reject(error);
            else resolve();
          });
        });
      }),
    close: () => Promise.resolve(),
  };
}

/** A line that a killed process has left unfinished stays one of its own. */
async function endLine(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  if (size === 0) return;
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  if (buffer[0] !== 0x0a) await handle.appendFile('\n');
}

/** @throws {SurehopError} SUREHOP_FILE_UNUSABLE for whatever the work throws */
export async function usable<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const why = asError(thrown).message;
    const isThere = (thrown as { code?: unknown } | undefined)?.code === 'EEXIST';
    const what = isThere ? `${path} exists, and nothing is written over it` : `${path} cannot be used: ${why}`;
    throw new SurehopError('SUREHOP_FILE_UNUSABLE', what, { retryable: false, cause: thrown });
  }
}
