import type { AuditLog, BrowseOptions, DeadLetters, Selection } from '@surehop/dead-letters';
import type { Command } from 'commander';
import { confirmed } from '../confirmation.ts';
import { brokerLabel } from '../connection.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { number } from '../progress.ts';
import { UsageError } from '../usage-error.ts';
import { type AuditFlags, auditPath, openAudit, withAudit } from './audit-path.ts';
import type { DeskFlags } from './desk.ts';
import { earlierRun } from './earlier-run.ts';
import { type SelectionFlags, selectionOf, withDeliveryCount, withSelection } from './selection-flags.ts';

/** What every command that only looks has. */
export interface LookFlags extends SelectionFlags, DeskFlags, AuditFlags {
  readonly all?: boolean;
  readonly resume?: string;
  readonly yes?: boolean;
}

export function withLooking(command: Command): Command {
  return withAudit(withDeliveryCount(withSelection(command)))
    .option('--all', 'look through the whole queue, beyond its first 50,000: each message moves to its end, in order')
    .option('--resume <run>', 'go on with a look with --all that was stopped, by its name in the audit log')
    .option('-y, --yes', 'do not ask');
}

/** What is looked at: what the command line selects, or what an earlier look had selected. */
export interface LookScope {
  readonly selection: Selection;
  readonly options: Pick<BrowseOptions, 'all' | 'resume'>;
}

/**
 * Asks first where looking moves messages.
 *
 * @throws {UsageError}
 * @throws {CancelledError}
 */
export async function lookScope(
  context: Context,
  flags: LookFlags,
  letters: DeadLetters,
  action: 'browse' | 'groups',
): Promise<LookScope> {
  const selection = selectionOf(flags);
  if (!isThrough(flags)) return { selection, options: {} };
  if (flags.resume === undefined) {
    await confirmed(context, await question(context, flags, letters), flags);
    return { selection, options: { all: true } };
  }
  if (selection !== 'all')
    throw new UsageError('--resume takes what the earlier run had selected; leave out the selection');
  const expected = { actions: action === 'groups' ? passes : [action], queue: letters.queue };
  const earlier = await earlierRun(auditPath(flags, context.env), flags.resume, expected);
  const { resume } = earlier;
  if (earlier.options.all !== true) throw new UsageError(`run ${resume.run} was no pass: it has moved nothing`);
  return { selection: earlier.selection, options: { all: true, resume } };
}

/** Whatever pass ended early, a look at the rest of the queue puts its order right. */
const passes = ['groups', 'browse', 'replay', 'edit-and-replay', 'discard', 'move', 'export'] as const;

/** The audit log of a look that moves messages, which says at its beginning how to go on with it; else one that is never written. */
export async function openLookAudit(context: Context, flags: LookFlags): Promise<AuditLog & AsyncDisposable> {
  if (!isThrough(flags)) {
    const write = (): Promise<never> => Promise.reject(new Error('bug: reading changed something'));
    return { write, [Symbol.asyncDispose]: async () => undefined };
  }
  const audit = await openAudit(flags, context.env);
  return {
    async write(entry) {
      await audit.write(entry);
      if (entry.event === 'begin') context.note(`run ${entry.run}; if it is stopped, --resume with it goes on`);
    },
    [Symbol.asyncDispose]: () => audit[Symbol.asyncDispose](),
  };
}

async function question(context: Context, flags: LookFlags, letters: DeadLetters): Promise<string> {
  const ready = number(await letters.count());
  return (
    `Look through all ${ready} dead letters in ${letters.queue}? Each is copied to the end of the queue and then taken from ` +
    `its head, so that their order stays; those that come meanwhile stand between them. The broker is ${brokerLabel(context, flags)}.`
  );
}

function isThrough({ all, resume }: LookFlags): boolean {
  return all === true || resume !== undefined;
}

/** So many are looked at without `--all`. */
export const mostLooked = 50_000;

/** What a command exits with that has looked: not with 0 where it could not look at all that was asked for. */
export function lookExitCode({ looked, more }: { readonly looked: number; readonly more: boolean }): ExitCode {
  return more && looked >= mostLooked ? exitCodes.partly : exitCodes.done;
}

/** What to say where there is more than was looked at. */
export function behind(looked: number): string {
  const further = looked < mostLooked ? 'a higher --limit' : '--all';
  return `more lie behind the first ${number(looked)}: ${further} looks further`;
}
