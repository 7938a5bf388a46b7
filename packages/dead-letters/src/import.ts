import { type FileHandle, open } from 'node:fs/promises';
import type { Rabbit } from '@surehop/core';
import { internalsOf, type RabbitInternals } from '@surehop/core/internal';
import { ImportJournal } from './import-journal.ts';
import { checkImportOptions, type ImportOptions, type ImportReport } from './import-options.ts';
import { Importing } from './importing.ts';
import { carriedOut } from './run.ts';
import { usable } from './sink.ts';
import { assertQueueExists } from './target.ts';

/**
 * Puts exported messages into their queues again, in their order. How far it came is kept in `<file>.progress`: an import
 * that was killed or cancelled goes on there, and one that was finished is not repeated. Lines that cannot be imported are
 * added to `<file>.rejected`.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID, SUREHOP_FILE_UNUSABLE, SUREHOP_IMPORT_MISMATCH, SUREHOP_QUEUE_NOT_FOUND,
 *   SUREHOP_ACCESS_REFUSED, SUREHOP_REFUSED (a queue is full: call it again later), SUREHOP_AUDIT_FAILED, SUREHOP_CLOSED
 */
export async function importDeadLetters(rabbit: Rabbit, options: ImportOptions): Promise<ImportReport> {
  checkImportOptions(options);
  const internals = internalsOf(rabbit);
  const { file, to, by, audit, dryRun = false } = options;
  const intention = {
    action: 'import',
    queue: to ?? 'as each line says',
    selection: { file },
    options: { dryRun, ...(to !== undefined && { to }) },
  } as const;
  await using source = await opened(file);
  return await carriedOut({ internals, by, audit }, intention, options, async (run) => {
    if (to !== undefined) await existing(internals, to, run.signal);
    const importing = new Importing(internals, run, {
      file,
      handle: source.handle,
      size: source.size,
      journal: new ImportJournal(file),
      to,
      dryRun,
    });
    return importing.run();
  });
}

async function opened(file: string): Promise<AsyncDisposable & { readonly handle: FileHandle; readonly size: number }> {
  const handle = await usable(file, () => open(file, 'r'));
  const { size } = await usable(file, () => handle.stat());
  return { handle, size, [Symbol.asyncDispose]: () => handle.close() };
}

/** A cancelled look is none: the import itself sees the signal. */
async function existing(internals: RabbitInternals, to: string, signal: AbortSignal): Promise<void> {
  try {
    await assertQueueExists(internals, to, signal);
  } catch (thrown) {
    if (!(signal.aborted && thrown === signal.reason)) throw thrown;
  }
}
