import { delayParking } from '@surehop/core/internal';
import type { Command } from 'commander';
import { action, type GlobalFlags } from '../action.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { neededManagement } from '../management.ts';
import { queuesOf } from '../management-views.ts';
import { Output } from '../output.ts';
import { duration, number } from '../progress.ts';
import { tableText } from '../table.ts';
import { type DelayReport, type Waiting, waitingIn } from './waiting.ts';

/** What waits for its time. */
export function addDelaysCommand(program: Command, context: Context): void {
  program
    .command('delays')
    .summary('show what waits in the delay network')
    .description(
      'Shows how many delayed messages wait, level by level, which exchanges hold messages that nobody takes, and what was laid aside because it found nobody. Changes nothing.',
    )
    .action(action<object>(context, (flags) => delays(context, flags)));
}

async function delays(context: Context, flags: GlobalFlags): Promise<ExitCode> {
  const output = new Output(context, flags);
  const report = waitingIn(await queuesOf(neededManagement(context, flags, 'delays')));
  await output.value(report, () => reportText(report, context.stdout.columns));
  return exitCodes.done;
}

function reportText(report: DelayReport, columns: number | undefined): string {
  const { isThere, waiting, laidAside, queues } = report;
  if (!isThere) return 'There is no delay network in this virtual host: nothing was ever delayed here.';
  const head = `${number(waiting)} delayed ${waiting === 1 ? 'message waits' : 'messages wait'}; counts are up to 5 s old.`;
  const rows = queues.map((one) => [placeText(one), number(one.messages), number(one.held), one.queue]);
  const table = rows.length === 0 ? [] : [tableText(['where', 'messages', 'held', 'queue'], rows, columns)];
  const aside =
    laidAside === 0 ? [] : [`${number(laidAside)} found nobody at the end: surehop dlq groups ${delayParking}`];
  return [head, ...table, ...aside].join('\n');
}

function placeText({ part, delayMs = 0, exchange }: Waiting): string {
  if (part === 'level') return `waits ${duration(delayMs)}`;
  return part === 'exchange' ? `for exchange ${exchange}` : 'laid aside';
}
