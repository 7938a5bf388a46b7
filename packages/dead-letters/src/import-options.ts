import { boolean, functionOption, invalid, knownKeys, nonEmptyString } from '@surehop/core/internal';
import { checkSignal } from './act-options.ts';
import type { AuditLog } from './audit.ts';
import type { OnProgress } from './progress.ts';
import { checkTarget } from './target.ts';

export interface ImportOptions {
  /** What an export has written. */
  readonly file: string;
  /** A queue for all of them, which must exist. Default: the queue that each line names. */
  readonly to?: string;
  /** Who acts, for the audit log. */
  readonly by: string;
  readonly audit: AuditLog;
  /** Stops it; the next import of this file goes on there. */
  readonly signal?: AbortSignal;
  /** Of lines; `total` is guessed from the bytes of the file. Told at most every 100 ms, and at the end. */
  readonly onProgress?: OnProgress;
  /** Reads and checks the file, and changes nothing. @default false */
  readonly dryRun?: boolean;
}

export interface ImportReport {
  readonly run: string;
  /** Messages that this call has stored in their queues; of a dry run, that it would send. */
  readonly imported: number;
  /** Messages that earlier calls have stored. */
  readonly alreadyImported: number;
  /** Lines that this call could not import; the first 1,000. */
  readonly damaged: readonly { readonly line: number; readonly why: string }[];
  readonly damagedCount: number;
  /** Where these lines are, to be mended. */
  readonly rejectedFile: string | undefined;
  readonly isCancelled: boolean;
}

/** @throws {SurehopError} SUREHOP_OPTION_INVALID */
export function checkImportOptions(options: ImportOptions): void {
  knownKeys('importDeadLetters()', options, ['file', 'to', 'by', 'audit', 'signal', 'onProgress', 'dryRun']);
  const { file, to, by, audit, signal, onProgress, dryRun } = options;
  nonEmptyString('file', file);
  if (to !== undefined) checkTarget('to', to);
  nonEmptyString('by', by);
  if (typeof audit?.write !== 'function') invalid('audit must have a function write');
  checkSignal(signal);
  if (onProgress !== undefined) functionOption('onProgress', onProgress);
  if (dryRun !== undefined) boolean('dryRun', dryRun);
}
