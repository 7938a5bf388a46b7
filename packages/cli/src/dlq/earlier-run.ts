import { createReadStream } from 'node:fs';
import type { AuditEntry, Resume, Selection } from '@surehop/dead-letters';
import { linesOf } from '../lines.ts';
import { UsageError } from '../usage-error.ts';

/** A run that did not come to its end, as the audit log has it. */
export interface EarlierRun {
  readonly resume: Resume;
  readonly selection: Selection;
  readonly options: Readonly<Record<string, unknown>>;
}

/** No line of an audit log is longer, in bytes. */
const longestLine = 16 * 1_024 * 1_024;

/**
 * @param expected what it must have been, so that nothing else is gone on with
 * @throws {UsageError} the audit log has no such run, or it was something else
 */
export async function earlierRun(
  path: string,
  run: string,
  expected: { readonly actions: readonly AuditEntry['action'][]; readonly queue: string },
): Promise<EarlierRun> {
  const begin = await beginningOf(path, run);
  if (begin === undefined) throw new UsageError(`the audit log ${path} has no run ${run}`);
  const { action, queue, at, selection, options } = begin;
  if (!expected.actions.includes(action) || queue !== expected.queue) {
    throw new UsageError(
      `run ${run} was a ${action} of ${queue}, and not a ${expected.actions[0]} of ${expected.queue}`,
    );
  }
  const startedAt = Date.parse(at);
  if (Number.isNaN(startedAt)) throw new UsageError(`the audit log ${path} does not say when run ${run} began`);
  return { resume: { run, startedAt }, selection: selection as Selection, options };
}

async function beginningOf(path: string, run: string): Promise<AuditEntry | undefined> {
  const stream = createReadStream(path);
  try {
    for await (const { bytes } of linesOf(stream, longestLine)) {
      const entry = bytes?.includes(run) === true ? entryIn(bytes) : undefined;
      // The first one: a resumed run writes another, under the same name.
      if (entry?.run === run && entry.event === 'begin') return entry;
    }
    return undefined;
  } catch (cause) {
    throw new UsageError(`the audit log ${path} cannot be read: ${(cause as Error).message}`, { cause });
  } finally {
    stream.destroy();
  }
}

/** Undefined where a crash has cut the line. */
function entryIn(bytes: Buffer): AuditEntry | undefined {
  try {
    return JSON.parse(bytes.toString()) as AuditEntry;
  } catch {
    return undefined;
  }
}
