import type { ExportReport } from '@surehop/dead-letters';
import type { Command } from 'commander';
import { action } from '../action.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { Output } from '../output.ts';
import { number } from '../progress.ts';
import { UsageError } from '../usage-error.ts';
import { type ActFlags, carryOut, scopeOf, withActing } from './act.ts';
import { openAudit } from './audit-path.ts';
import { type DeskFlags, openDesk } from './desk.ts';
import { type SelectionFlags, withDeliveryCount, withSelection } from './selection-flags.ts';

interface ExportFlags extends ActFlags, SelectionFlags, DeskFlags {
  readonly file?: string;
}

export function addExport(dlq: Command, context: Context): void {
  const command = dlq
    .command('export')
    .summary('write dead letters as lines of JSON, and leave them where they are')
    .description(
      'Writes dead letters, all of them or those selected, as lines of JSON that `dlq import` takes, and leaves them in their queue. It asks with --all only, which is the one way in which it moves messages.',
    )
    .argument('<queue>', 'a queue of dead letters, or the work queue it belongs to')
    .option('--file <path>', 'where to, a new file (default: standard output)');
  withDeliveryCount(withActing(withSelection(command))).action(
    action<ExportFlags, [string]>(context, (flags, queue) => exportLetters(context, flags, queue)),
  );
}

async function exportLetters(context: Context, flags: ExportFlags, queue: string): Promise<ExitCode> {
  const output = outputOf(context, flags);
  await using audit = await openAudit(flags, context.env);
  await using desk = await openDesk(context, flags, queue, audit);
  const { letters } = desk;
  const scope = await scopeOf(context, flags, { actions: ['export'], queue: letters.queue });
  const asked = { ...flags, yes: flags.yes === true || !scope.all };
  return await carryOut<ExportReport>(context, asked, output, {
    verb: 'Export',
    done: 'exported',
    queue: letters.queue,
    scope,
    details: ({ bytes, isDryRun }) => (isDryRun ? '' : `${number(bytes)} bytes`),
    perform: (options) => letters.export(scope.selection, { ...options, file: flags.file ?? context.stdout }),
  });
}

/** Where the messages go to standard output, the report goes to standard error. */
function outputOf(context: Context, flags: ExportFlags): Output {
  if (flags.file !== undefined || flags.dryRun === true) return new Output(context, flags);
  if (flags.json === true || flags.ndjson === true) {
    throw new UsageError(
      '--json and --ndjson are for the report, which needs --file: standard output has the messages',
    );
  }
  return new Output({ ...context, stdout: context.stderr }, flags);
}
