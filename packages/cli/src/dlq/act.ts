import type { ActionReport, ActOptions, Resume, Selection } from '@surehop/dead-letters';
import type { Command } from 'commander';
import type { GlobalFlags } from '../action.ts';
import type { Context } from '../context.ts';
import { count } from '../flag-values.ts';
import { UsageError } from '../usage-error.ts';
import { type AuditFlags, auditPath, withAudit } from './audit-path.ts';
import { type EarlierRun, earlierRun } from './earlier-run.ts';
import { type SelectionFlags, selectionOf } from './selection-flags.ts';

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

/** What is to be acted on: what the command line selects, or what an earlier run had selected, within the same bounds. */
export interface Scope {
  readonly selection: Selection;
  readonly all: boolean;
  /** So many are acted on at the most. */
  readonly limit: number | undefined;
  readonly resume: Resume | undefined;
  /** The earlier run's. */
  readonly isEdit: boolean;
  readonly options: Readonly<Record<string, unknown>>;
}

/** @throws {UsageError} */
export async function scopeOf(
  context: Context,
  flags: ActFlags & SelectionFlags & { readonly to?: string },
  expected: Parameters<typeof earlierRun>[2],
): Promise<Scope> {
  const selection = selectionOf(flags);
  const { limit, resume: run, to } = flags;
  if (run === undefined)
    return { selection, all: flags.all === true, limit, resume: undefined, isEdit: false, options: {} };
  if (selection !== 'all')
    throw new UsageError('--resume takes what the earlier run had selected; leave out the selection');
  const earlier = await earlierRun(auditPath(flags, context.env), run, expected);
  const { options } = earlier;
  if (to !== undefined && to !== options.to) {
    const before = options.to === undefined ? 'where each had failed' : `to ${String(options.to)}`;
    throw new UsageError(`run ${run} sent messages ${before}, and not to ${to}`);
  }
  return {
    selection: earlier.selection,
    all: flags.all === true || options.all === true,
    limit: limit ?? limitLeft(context, earlier),
    resume: earlier.resume,
    isEdit: earlier.action === 'edit-and-replay',
    options,
  };
}

/** @throws {UsageError} nothing is left of it */
function limitLeft({ note }: Context, { options, done, resume: { run } }: EarlierRun): number | undefined {
  const { limit } = options;
  if (typeof limit !== 'number') return undefined;
  if (done === undefined) note(`how many of --limit ${limit} run ${run} has done is not written down: it counts anew`);
  if (limit > (done ?? 0)) return limit - (done ?? 0);
  throw new UsageError(`run ${run} has done all that its --limit ${limit} allowed; give another --limit to go on`);
}

/** One action, as the person is told of it. */
export interface Act<R extends ActionReport> {
  /** `Replay`, `replayed`. */
  readonly verb: string;
  readonly done: string;
  readonly queue: string;
  readonly scope: Scope;
  /** Takes away what it acts on: where everything is selected it goes through a queue of any length, without `--all`. */
  readonly takesAway: boolean;
  /** How a run is gone on with that was stopped and is no pass; undefined where it is begun again. */
  readonly resumedBy?: string;
  /** What else is to be known before saying yes. */
  readonly warning?: string;
  /** What else a report says: `2 to orders`. */
  readonly details?: (report: R) => string;
  readonly perform: (options: ActOptions) => Promise<R>;
}
