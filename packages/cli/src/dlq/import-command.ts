import { type ImportOptions, type ImportReport, importDeadLetters } from '@surehop/dead-letters';
import type { Command } from 'commander';
import { action } from '../action.ts';
import { confirmed } from '../confirmation.ts';
import { brokerLabel, openRabbit } from '../connection.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { withNearest } from '../nearest-queues.ts';
import { Output } from '../output.ts';
import { number, startProgress } from '../progress.ts';
import type { ActFlags } from './act.ts';
import { openAudit, withAudit } from './audit-path.ts';

interface ImportFlags extends Omit<ActFlags, 'limit' | 'all' | 'resume'> {
  readonly to?: string;
}

const damagedShown = 20;

export function addImport(dlq: Command, context: Context): void {
  const command = dlq
    .command('import')
    .summary('put exported dead letters into their queues again')
    .description(
      'Puts what `dlq export` has written into the queues that it came from, or into another. Damaged lines are told by their number and kept in <file>.rejected; the rest goes on. One that was stopped goes on where it was, and one that was finished is not repeated.',
    )
    .argument('<file>', 'what `dlq export` has written')
    .option('--to <queue>', 'put all of them into this queue instead');
  withAudit(command)
    .option('--dry-run', 'read and check the file, and change nothing')
    .option('-y, --yes', 'do not ask')
    .action(action<ImportFlags, [string]>(context, (flags, file) => importLetters(context, flags, file)));
}

async function importLetters(context: Context, flags: ImportFlags, file: string): Promise<ExitCode> {
  const output = new Output(context, flags);
  await using audit = await openAudit(flags, context.env);
  await using rabbit = await openRabbit(context, flags, { topology: 'off' });
  const { signal } = context;
  const by = flags.by ?? context.user;
  const to = flags.to === undefined ? {} : { to: flags.to };
  const perform = async (dryRun: boolean): Promise<ImportReport> => {
    using meter = startProgress(context, dryRun ? 'read' : 'imported');
    const onProgress: ImportOptions['onProgress'] = ({ done, looked, total }) =>
      meter.update({ done: dryRun ? looked : done, total });
    const options = { file, ...to, by, audit, signal, onProgress, dryRun };
    return await importDeadLetters(rabbit, options).catch(async (thrown: unknown) => {
      throw await withNearest(context, flags, flags.to, thrown);
    });
  };
  if (flags.dryRun === true) return await told(context, output, await perform(true), true);
  if (flags.yes !== true) {
    const preview = await perform(true);
    signal.throwIfAborted();
    await confirmed(context, question(context, flags, file, preview), flags);
  }
  return await told(context, output, await perform(false), false);
}

function question(context: Context, flags: ImportFlags, file: string, preview: ImportReport): string {
  const { imported, alreadyImported, damagedCount } = preview;
  const target = flags.to === undefined ? 'the queues that they came from' : flags.to;
  const sentences = [
    `Import ${number(imported)} dead letters of ${file} into ${target} (${brokerLabel(context, flags)})?`,
    alreadyImported > 0 ? `${number(alreadyImported)} were imported before and are left out.` : '',
    damagedCount > 0 ? `${number(damagedCount)} damaged lines are left out.` : '',
  ];
  return sentences.filter((sentence) => sentence !== '').join(' ');
}

async function told(context: Context, output: Output, report: ImportReport, isDryRun: boolean): Promise<ExitCode> {
  const { imported, alreadyImported, damaged, damagedCount, rejectedFile, isCancelled, run } = report;
  for (const { line, why } of damaged.slice(0, damagedShown)) context.note(`line ${line}: ${why}`);
  const parts = [isDryRun ? `would be imported: ${number(imported)}` : `imported ${number(imported)}`];
  if (alreadyImported > 0) parts.push(`imported before ${number(alreadyImported)}`);
  if (damagedCount > 0) parts.push(`damaged ${number(damagedCount)}`);
  await output.value(report, () => parts.join(', '));
  if (rejectedFile !== undefined) context.note(`damaged lines are in ${rejectedFile}`);
  if (!isDryRun) context.note(`run ${run}${isCancelled ? '; the same command goes on with it' : ''}`);
  if (isCancelled) context.signal.throwIfAborted();
  return damagedCount > 0 ? exitCodes.partly : exitCodes.done;
}
