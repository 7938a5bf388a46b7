import type { FileFault } from './protocol.ts';

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
const busy = 5;
const readOnly = 8;
const corrupt = 11;
const full = 13;
const cannotOpen = 14;
const notADatabase = 26;

/** A file that cannot be used as a spool. */
export class UnusableFileError extends Error {
  override readonly name = 'UnusableFileError';
}

/** Somebody else has the file. */
export class LockedFileError extends Error {
  override readonly name = 'LockedFileError';
}

export function isBusy(thrown: unknown): boolean {
  return resultOf(thrown) === busy;
}

export function isCorruption(thrown: unknown): boolean {
  return [corrupt, notADatabase].includes(resultOf(thrown));
}

/** As it is told to the other thread. */
export function faultOf(thrown: unknown): FileFault {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { message, stack } = error;
  if (error instanceof LockedFileError) return { kind: 'locked', message };
  if (error instanceof UnusableFileError) return { kind: 'open', message };
  const result = resultOf(error);
  const isUnusable = result === cannotOpen || result === readOnly || (result < 0 && isRefusal(error));
  const kind = isUnusable ? 'open' : 'write';
  const said = result === full ? 'the disk is full' : message;
  return { kind, message: result < 0 ? said : `${said} (SQLite ${extendedOf(error)})`, stack };
}

/** The file system lets nobody in, and will not the next time. */
function isRefusal(error: Error): boolean {
  return 'code' in error && ['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'EISDIR'].includes(String(error.code));
}

function resultOf(thrown: unknown): number {
  const extended = extendedOf(thrown);
  return extended < 0 ? extended : extended & 0xff;
}

/** -1 for what does not come from SQLite. */
function extendedOf(thrown: unknown): number {
  return thrown instanceof Error && 'errcode' in thrown && typeof thrown.errcode === 'number' ? thrown.errcode : -1;
}
