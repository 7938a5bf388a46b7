import type { DeadLetters, ExportReport } from '@surehop/dead-letters';
import type { Command } from 'commander';
import { action } from '../action.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { Output } from '../output.ts';
import { number } from '../progress.ts';
import { UsageError } from '../usage-error.ts';
import { type ActFlags, type Scope, scopeOf, withActing } from './act.ts';
import { openAudit } from './audit-path.ts';
import { carryOut } from './carrying-out.ts';
import { type DeskFlags, openDesk } from './desk.ts';
import { mostLooked } from './look-scope.ts';
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
  await using audit = await openAudit(flags, context.env);
  await using desk = await openDesk(context, flags, queue, audit);
  const { letters } = desk;
  const scope = await scopeOf(context, flags, { actions: ['export'], queue: letters.queue });
  const file = flags.file ?? (scope.options.file as string | undefined);
  const output = outputOf(context, { ...flags, file });
  await assertReached(flags, scope, letters);
  const asked = { ...flags, yes: flags.yes === true || !scope.all };
  return await carryOut<ExportReport>(context, asked, output, {
    verb: 'Export',
    done: 'exported',
    queue: letters.queue,
    scope,
    takesAway: false,
    details: ({ bytes, isDryRun }) => (isDryRun ? '' : `${number(bytes)} bytes`),
    perform: (options) => letters.export(scope.selection, { ...options, file: file ?? context.stdout }),
  });
}

/**
 * Who exports everything may discard everything afterwards: a file that ends with what can be held would be missing the rest.
 *
 * @throws {UsageError} there are more than are looked at without `--all`
 */
async function assertReached({ dryRun }: ExportFlags, scope: Scope, letters: DeadLetters): Promise<void> {
  if (scope.selection !== 'all' || scope.all || scope.limit !== undefined || dryRun === true) return;
  const ready = await letters.count();
  if (ready <= mostLooked) return;
  throw new UsageError(
    `${letters.queue} has ${number(ready)} messages, and without --all the first ${number(mostLooked)} are exported: add ` +
      '--all, by which each message goes to the end of the queue once, in order, or say how many with --limit',
  );
}

/** Where the messages go to standard output, the report goes to standard error. */
function outputOf(context: Context, flags: Omit<ExportFlags, 'file'> & { readonly file: string | undefined }): Output {
  if (flags.file !== undefined || flags.dryRun === true) return new Output(context, flags);
  if (flags.json === true || flags.ndjson === true) {
    throw new UsageError(
      '--json and --ndjson are for the report, which needs --file: standard output has the messages',
    );
  }
  return new Output({ ...context, stdout: context.stderr }, flags);
}
