import { Writable } from 'node:stream';
import { invalid } from '@surehop/core/internal';
import { type ActionReport, type ActOptions, checkActOptions } from './act-options.ts';
import type { DeadMessage } from './dead-message.ts';
import type { Desk } from './desk.ts';
import type { Action, Fate } from './fate.ts';
import { idsOf } from './going-through.ts';
import { HeldRun } from './held-run.ts';
import { lineOf } from './line.ts';
import { beganAt, carriedOut, type Run, type RunEnd, reportOf } from './run.ts';
import { matcherOf, type Selection } from './selection.ts';
import { fileDestination, Sink, streamDestination } from './sink.ts';
import { StreamRun } from './stream-run.ts';

export interface ExportOptions extends ActOptions {
  /**
   * A path, where nothing may be yet (with `resume` lines are added to it), or a stream, which is not ended. Each message is
   * one line of JSON; see docs/dead-letters.md.
   */
  readonly file: string | Writable;
}

export interface ExportReport extends ActionReport {
  /** Written. */
  readonly bytes: number;
}

/**
 * Writes dead letters to a file, in their order, and leaves them in the queue. Resolves once the file is on disk. Where the
 * broker was lost meanwhile, or the action is a resumed one, a message may be in it twice.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID, SUREHOP_FILTER_INVALID, SUREHOP_FILE_UNUSABLE, SUREHOP_QUEUE_NOT_FOUND,
 *   SUREHOP_ACCESS_REFUSED, SUREHOP_AUDIT_FAILED, SUREHOP_CLOSED. No message is lost by it; a file may be unfinished
 */
export async function exportTo(desk: Desk, selection: Selection, options: ExportOptions): Promise<ExportReport> {
  checkExportOptions(options);
  const matches = matcherOf(selection, beganAt(desk.internals, options));
  const { file, dryRun = false, resume } = options;
  const { signal: _signal, onProgress: _onProgress, file: _file, ...plain } = options;
  const path = typeof file === 'string' ? file : undefined;
  const intention = { action: 'export', queue: desk.queue, selection, options: { ...plain, file: path } } as const;
  return carriedOut(desk, intention, options, async (run) => {
    const destination =
      typeof file === 'string'
        ? () => fileDestination(file, resume !== undefined)
        : async () => streamDestination(file);
    const sink = new Sink(dryRun ? undefined : await destination());
    try {
      const end = await throughQueue(desk, writing(matches, sink), run, selection, options);
      await sink.flush();
      return { ...reportOf(run, end, dryRun), bytes: sink.bytes };
    } finally {
      await sink.close();
    }
  });
}

function writing(matches: (message: DeadMessage) => boolean, sink: Sink): Action {
  const stay: Fate = { kind: 'stay' };
  return {
    matches,
    takesNothing: true,
    async fate(message) {
      sink.write(lineOf(message));
      if (sink.isFull) await sink.flush();
      return stay;
    },
    flush: () => sink.flush(),
    forget: () => sink.forget(),
  };
}

/** It takes nothing away: only a pass gets beyond what can be held. */
function throughQueue(
  desk: Desk,
  action: Action,
  run: Run,
  selection: Selection,
  { all = false, dryRun: isDryRun = false, limit = Number.POSITIVE_INFINITY, lookAtMost }: ExportOptions,
): Promise<RunEnd> {
  if (all && !isDryRun) return new StreamRun(desk, action, run, { isPass: true, limit, lookAtMost }).run();
  return new HeldRun(desk, action, run, { limit, lookAtMost, isDryRun, ids: idsOf(selection) }).run();
}

function checkExportOptions(options: ExportOptions): void {
  checkActOptions('export', options, { others: ['file'], resumesPassOnly: true });
  const { file, dryRun } = options;
  if (dryRun === true && file === undefined) return;
  if (!(typeof file === 'string' && file !== '') && !(file instanceof Writable)) {
    invalid('file must be a path or a writable stream');
  }
}
