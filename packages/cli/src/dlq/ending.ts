import type { ActionReport } from '@surehop/dead-letters';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { oneLine } from '../printable.ts';
import { number } from '../progress.ts';
import type { Act, Scope } from './act.ts';
import { isoOrUndefined } from './dead-message-json.ts';

const skippedShown = 20;

/** Tells the person how an action ended, and gives what the program exits with: 4 where it may not have been all. */
export async function told<R extends ActionReport>(
  context: Context,
  output: Output,
  act: Act<R>,
  report: R,
): Promise<ExitCode> {
  const { isDryRun, isCancelled, done, looked, skipped, skippedCount, run } = report;
  for (const { id, why } of skipped.slice(0, skippedShown)) context.note(`skipped ${oneLine(id)}: ${oneLine(why)}`);
  const acted = `${isDryRun ? 'would be ' : ''}${act.done} ${number(done)} of ${number(looked)} looked at in ${act.queue}`;
  const parts = [acted, act.details?.(report) ?? '', skippedCount > 0 ? `skipped ${number(skippedCount)}` : ''];
  await output.value({ ...report, startedAt: isoOrUndefined(report.startedAt) }, () =>
    parts.filter((part) => part !== '').join(', '),
  );
  const isMore = !isCancelled && mayBeMore(act.scope, report);
  if (isMore) context.note(`more lie behind the first ${number(looked)}${wayOn(act, report)}`);
  if (!isDryRun) context.note(`run ${run}${isCancelled ? goingOn(act) : ''}`);
  if (isTurned(act, report)) context.note(turnedText(act, report));
  if (isCancelled) context.signal.throwIfAborted();
  const missing = missingIds(act.scope, report);
  if (missing > 0) context.note(`not found: ${number(missing)} of the ids`);
  return isMore || skippedCount > 0 || missing > 0 ? exitCodes.partly : exitCodes.done;
}

/** Whether messages that it is about may lie behind those that were looked at. */
export function mayBeMore({ selection, limit }: Scope, { more, matched }: ActionReport): boolean {
  if (!more || matched >= (limit ?? Number.POSITIVE_INFINITY)) return false;
  return selection === 'all' || !('ids' in selection) || matched < selection.ids.length;
}

/** Whether it goes through a queue of any length. */
export function isBoundless({ scope, takesAway }: Pick<Act<never>, 'scope' | 'takesAway'>): boolean {
  return scope.all || (takesAway && scope.selection === 'all');
}

/** What reaches the messages that were not looked at. */
function wayOn<R extends ActionReport>(act: Act<R>, { isDryRun }: R): string {
  if (!isBoundless(act)) return '; --all goes through all of them';
  if (isDryRun) return '; what is not a dry run goes through all of them';
  return act.scope.all ? '' : '; the same command again goes on with them';
}

function goingOn<R extends ActionReport>({ scope, resumedBy }: Act<R>): string {
  return `; ${resumedBy ?? (scope.all ? '--resume with it goes on' : 'begin it again to go on')}`;
}

/** A pass that did not go round, and has sent messages to the end of their queue. */
function isTurned<R extends ActionReport>({ scope, takesAway }: Act<R>, { isDryRun, more, looked, done }: R): boolean {
  return scope.all && !isDryRun && more && looked > (takesAway ? done : 0);
}

function turnedText<R extends ActionReport>({ scope, queue }: Act<R>, { run, matched }: R): string {
  const goesOn = `--resume ${run}${matched >= (scope.limit ?? Number.POSITIVE_INFINITY) ? ' with another --limit' : ''}`;
  return (
    `the pass has not gone round: what it has seen and left in ${queue} lies behind the rest. ${goesOn} goes on; ` +
    `surehop dlq groups ${queue} --resume ${run} puts the order right, and does nothing else`
  );
}

/** How many of the ids that were asked for no message had; of a run that had a limit nobody can tell. */
function missingIds({ selection, resume, limit }: Scope, { matched }: ActionReport): number {
  const isKnown = selection !== 'all' && 'ids' in selection && limit === undefined && resume === undefined;
  return isKnown ? Math.max(0, new Set(selection.ids).size - matched) : 0;
}
