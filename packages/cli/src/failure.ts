import { isSurehopError } from '@surehop/core';
import { CommanderError } from 'commander';
import { CancelledError, PipeClosedError } from './cancellation.ts';
import type { Context } from './context.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { UsageError } from './usage-error.ts';

/** Tells the person why a command ended, and gives what the program exits with. */
export function reportFailure(context: Context, thrown: unknown): ExitCode {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.done : exitCodes.usage; // it has spoken already
  const { signal } = context;
  const error = signal.aborted && !(thrown instanceof UsageError) ? signal.reason : thrown;
  if (error instanceof PipeClosedError) return error.exitCode;
  if (error instanceof CancelledError) {
    context.note(error.message);
    return error.exitCode;
  }
  context.note(`${context.paintNotes('red', 'error:')} ${failureText(thrown)}`);
  return isUsage(thrown) ? exitCodes.usage : exitCodes.failed;
}

function isUsage(thrown: unknown): boolean {
  if (thrown instanceof UsageError) return true;
  return isSurehopError(thrown, 'SUREHOP_OPTION_INVALID') || isSurehopError(thrown, 'SUREHOP_FILTER_INVALID');
}

/** What happened, its causes in short, and the code under which docs/errors.md says more. */
export function failureText(thrown: unknown): string {
  const parts: string[] = [];
  for (let error = thrown; error instanceof Error && parts.length < 4; error = error.cause) {
    if (!parts.at(-1)?.includes(error.message)) parts.push(error.message);
  }
  const text = parts.length === 0 ? String(thrown) : parts.join(': ');
  return isSurehopError(thrown) ? `${text} (${thrown.code})` : text;
}
