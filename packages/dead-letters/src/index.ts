// The whole promise of semver, readable in one screen.
export { connect, defineQueue } from '@surehop/core';
export type { ActionReport, ActOptions, Resume, Skipped } from './act-options.ts';
export type { AuditEntry, AuditLog } from './audit.ts';
export { openAuditFile } from './audit-file.ts';
export type { BrowseOptions } from './browsing-options.ts';
export {
  type Browsed,
  type DeadLetters,
  type DeadLettersOptions,
  type Grouped,
  openDeadLetters,
} from './dead-letters.ts';
export type { DeadMessage, Failure, FailureError, FailureSource } from './dead-message.ts';
export type { DiscardOptions } from './discard.ts';
export type { ExportOptions, ExportReport } from './export.ts';
export { type Filter, FilterError, parseFilter } from './filter.ts';
export type { Group } from './groups.ts';
export { importDeadLetters } from './import.ts';
export type { ImportOptions, ImportReport } from './import-options.ts';
export type { MoveOptions } from './move.ts';
export type { OnProgress, Progress } from './progress.ts';
export type { RampOptions } from './ramp.ts';
export type { EditedMessage, ReplayOptions, ReplayReport } from './replay-options.ts';
export type { Selection } from './selection.ts';
