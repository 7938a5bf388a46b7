import type { ActionReport, ActOptions, OnProgress, Progress, Resume, Selection } from '@surehop/dead-letters';
import type { Command } from 'commander';
import type { GlobalFlags } from '../action.ts';
import { confirmed } from '../confirmation.ts';
import { brokerLabel } from '../connection.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { count } from '../flag-values.ts';
import type { Output } from '../output.ts';
import { oneLine } from '../printable.ts';
import { number, type Step, startProgress } from '../progress.ts';
import { UsageError } from '../usage-error.ts';
import { type AuditFlags, auditPath, withAudit } from './audit-path.ts';
import { isoOrUndefined } from './dead-message-json.ts';
import { earlierRun } from './earlier-run.ts';
import { type SelectionFlags, selectionOf, selectionText } from './selection-flags.ts';

/** What every command that changes something has. */
export interface ActFlags extends AuditFlags, GlobalFlags {
  readonly limit?: number;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly resume?: string;
}

export function withActing(command: Command): Command {
  return withAudit(command)
    .option('--limit <n>', 'act on at most so many', count)
    .option(
      '--all',
      'go through the whole queue, beyond its first 50,000: what is not acted on moves to its end, in order',
    )
    .option('--dry-run', 'count and check, and change nothing')
    .option('--resume <run>', 'go on with a run that was stopped, by its name in the audit log')
    .option('-y, --yes', 'do not ask');
}

/** What is to be acted on: what the command line selects, or what an earlier run had selected. */
export interface Scope {
  readonly selection: Selection;
  readonly all: boolean;
  readonly resume: Resume | undefined;
  /** The earlier run's. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** @throws {UsageError} */
export async function scopeOf(
  context: Context,
  flags: ActFlags & SelectionFlags,
  expected: Parameters<typeof earlierRun>[2],
): Promise<Scope> {
  const selection = selectionOf(flags);
  if (flags.resume === undefined) return { selection, all: flags.all === true, resume: undefined, options: {} };
  if (selection !== 'all')
    throw new UsageError('--resume takes what the earlier run had selected; leave out the selection');
  const { resume, options, ...earlier } = await earlierRun(auditPath(flags, context.env), flags.resume, expected);
  return { selection: earlier.selection, all: flags.all === true || options.all === true, resume, options };
}

/** One action, as the person is told of it. */
export interface Act<R extends ActionReport> {
  /** `Replay`, `replayed`. */
  readonly verb: string;
  readonly done: string;
  readonly queue: string;
  readonly scope: Scope;
  /** What else is to be known before saying yes. */
  readonly warning?: string;
  /** What else a report says: `2 to orders`. */
  readonly details?: (report: R) => string;
  readonly perform: (options: ActOptions) => Promise<R>;
}

const skippedShown = 20;

/** Looks, asks, acts and reports. */
export async function carryOut<R extends ActionReport>(
  context: Context,
  flags: ActFlags,
  output: Output,
  act: Act<R>,
): Promise<ExitCode> {
  const given = flags.limit === undefined ? {} : { limit: flags.limit };
  if (flags.dryRun === true || flags.yes !== true) {
    const preview = await metered(context, looking, (onProgress) =>
      act.perform({ ...given, signal: context.signal, onProgress, dryRun: true }),
    );
    context.signal.throwIfAborted();
    const isNothing = preview.done === 0 && !(act.scope.all && preview.more);
    if (flags.dryRun === true || isNothing) return await told(context, output, flags, act, preview);
    await confirmed(context, question(context, flags, act, preview), flags);
  }
  const { all, resume } = act.scope;
  const options: ActOptions = { ...given, signal: context.signal, all, ...(resume === undefined ? {} : { resume }) };
  const step = act.scope.selection === 'all' ? acting(act.done) : actingOnSome(act.done);
  const report = await metered(context, step, (onProgress) => act.perform({ ...options, onProgress }));
  return await told(context, output, flags, act, report);
}

async function metered<R>(
  context: Context,
  stepOf: (progress: Progress) => Step,
  work: (onProgress: OnProgress) => Promise<R>,
): Promise<R> {
  using meter = startProgress(context, 'looked at');
  return await work((progress) => meter.update(stepOf(progress)));
}

function looking({ looked, total }: Progress): Step {
  return { done: looked, total };
}

/** Where all are acted on, there are as many as there are messages. */
function acting(label: string): (progress: Progress) => Step {
  return ({ done, total }) => ({ label, done, total });
}

/** How many there will be nobody knows; how many there are to look at is known. */
function actingOnSome(verb: string): (progress: Progress) => Step {
  return ({ done, looked, total }) => ({ label: `${verb} ${number(done)}, looked at`, done: looked, total });
}

function question<R extends ActionReport>(context: Context, flags: ActFlags, act: Act<R>, preview: R): string {
  const { scope, verb, queue } = act;
  const { looked, done, skippedCount } = preview;
  const many = `${mayBeMore(scope, flags, preview) ? 'at least ' : ''}${number(done)}`;
  const details = act.details?.(preview) ?? '';
  const sentences = [
    `${verb} ${many} of ${number(looked)} dead letters looked at in ${queue}${selectionText(scope.selection)}${details === '' ? '' : `: ${details}`}?`,
    `The broker is ${brokerLabel(context, flags)}.`,
    skippedCount > 0 ? `${number(skippedCount)} would be skipped.` : '',
    act.warning ?? '',
    scope.all ? 'With --all the whole queue is gone through, and what is not acted on moves to its end.' : '',
  ];
  return sentences.filter((sentence) => sentence !== '').join(' ');
}

/** Whether messages that it is about may lie behind those that were looked at. */
function mayBeMore({ selection }: Scope, { limit }: ActFlags, { more, matched }: ActionReport): boolean {
  if (!more || matched >= (limit ?? Number.POSITIVE_INFINITY)) return false;
  return selection === 'all' || !('ids' in selection) || matched < selection.ids.length;
}

async function told<R extends ActionReport>(
  context: Context,
  output: Output,
  flags: ActFlags,
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
  if (!isCancelled && mayBeMore(act.scope, flags, report)) {
    context.note(`more lie behind the first ${number(looked)}; --all goes through all of them`);
  }
  if (!isDryRun) context.note(`run ${run}${isCancelled ? '; --resume with it goes on' : ''}`);
  if (isCancelled) context.signal.throwIfAborted();
  const missing = missingIds(act.scope, flags, report);
  if (missing > 0) context.note(`not found: ${number(missing)} of the ids`);
  return skippedCount > 0 || missing > 0 ? exitCodes.partly : exitCodes.done;
}

/** How many of the ids that were asked for no message had; of a run that had a limit nobody can tell. */
function missingIds({ selection, resume }: Scope, { limit }: ActFlags, { matched }: ActionReport): number {
  const isKnown = selection !== 'all' && 'ids' in selection && limit === undefined && resume === undefined;
  return isKnown ? Math.max(0, new Set(selection.ids).size - matched) : 0;
}
