import { createReadStream } from 'node:fs';
import type { AuditEntry, Resume, Selection } from '@surehop/dead-letters';
import { linesOf } from '../lines.ts';
import { UsageError } from '../usage-error.ts';

/** A run that did not come to its end, as the audit log has it. */
export interface EarlierRun {
  readonly resume: Resume;
  readonly action: AuditEntry['action'];
  readonly selection: Selection;
  /** As they were when it was last begun. */
  readonly options: Readonly<Record<string, unknown>>;
  /** How many were done from then on; undefined where it could not tell, since it was killed. */
  readonly done: number | undefined;
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
  const { first, last, end } = await linesAbout(path, run, expected.actions);
  if (first === undefined) throw new UsageError(`the audit log ${path} has no run ${run}`);
  const { action, queue, at, selection } = first;
  if (!expected.actions.includes(action) || queue !== expected.queue) {
    throw new UsageError(
      `run ${run} was a ${action} of ${queue}, and not a ${expected.actions[0]} of ${expected.queue}`,
    );
  }
  const startedAt = Date.parse(at);
  if (Number.isNaN(startedAt)) throw new UsageError(`the audit log ${path} does not say when run ${run} began`);
  const { done } = (end?.result ?? {}) as { readonly done?: unknown };
  return {
    resume: { run, startedAt },
    action,
    selection: selection as Selection,
    options: (last ?? first).options,
    done: typeof done === 'number' ? done : undefined,
  };
}

interface LinesAbout {
  /** When it was begun, and when it was last gone on with, by one of these actions. */
  first?: AuditEntry;
  last?: AuditEntry;
  /** Of the last one. */
  end?: AuditEntry | undefined;
}

async function linesAbout(path: string, run: string, actions: readonly AuditEntry['action'][]): Promise<LinesAbout> {
  const stream = createReadStream(path);
  const lines: LinesAbout = {};
  try {
    for await (const { bytes } of linesOf(stream, longestLine)) {
      const entry = bytes?.includes(run) === true ? entryIn(bytes) : undefined;
      if (entry?.run !== run) continue;
      lines.first ??= entry;
      if (!actions.includes(entry.action)) continue;
      if (entry.event === 'end') lines.end = entry;
      else Object.assign(lines, { last: entry, end: undefined });
    }
    return lines;
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
