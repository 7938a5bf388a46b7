import { open } from 'node:fs/promises';
import type { AuditEntry, AuditLog } from './audit.ts';
import { usable } from './sink.ts';

/**
 * An audit log in a file: one line of JSON per entry, added at the end in one write, so that several processes may share the
 * file. Each line is on disk before `write` resolves. A new file may be read by its owner only.
 *
 * @throws {SurehopError} SUREHOP_FILE_UNUSABLE; from `write` too
 */
export async function openAuditFile(path: string): Promise<AuditLog & AsyncDisposable> {
  const handle = await usable(path, () => open(path, 'a', 0o600));
  return {
    async write(entry: AuditEntry): Promise<void> {
      const line = Buffer.from(`${JSON.stringify(entry)}\n`);
      await usable(path, async () => {
        const { bytesWritten } = await handle.write(line);
        if (bytesWritten < line.length) throw new Error('the disk is full: a line was cut short');
        await handle.sync();
      });
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
