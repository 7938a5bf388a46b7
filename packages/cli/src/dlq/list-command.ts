import type { DeadMessage } from '@surehop/dead-letters';
import type { Command } from 'commander';
import { action, type GlobalFlags } from '../action.ts';
import { openRabbit } from '../connection.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { count } from '../flag-values.ts';
import { neededManagement } from '../management.ts';
import { Output } from '../output.ts';
import { moment } from '../printable.ts';
import { number, startProgress } from '../progress.ts';
import { Requests } from '../requests.ts';
import { tableText } from '../table.ts';
import { columnsOf } from '../terminal.ts';
import { isDeadLetterName } from './dead-letter-names.ts';
import { deadMessageJson } from './dead-message-json.ts';
import { errorText } from './dead-message-text.ts';
import { openDesk } from './desk.ts';
import {
  behind,
  type LookFlags,
  lookExitCode,
  lookScope,
  mostLooked,
  openLookAudit,
  withLooking,
} from './look-scope.ts';

interface ListFlags extends LookFlags {
  readonly limit: number;
}

export function addList(dlq: Command, context: Context): void {
  const command = dlq
    .command('list')
    .summary('the queues of dead letters, or the dead letters in one, newest last')
    .description(
      'Without a queue, lists the queues of dead letters, Surehop’s and others by their usual names; that takes the management API. With one, lists the dead letters in it, newest last.',
    )
    .argument('[queue]', 'a queue of dead letters, or the work queue it belongs to')
    .option('--limit <n>', 'show at most so many', count, 100);
  withLooking(command).action(
    action<ListFlags, [string | undefined]>(context, (flags, queue) =>
      queue === undefined ? listQueues(context, flags) : listMessages(context, flags, queue),
    ),
  );
}

async function listQueues(context: Context, flags: GlobalFlags): Promise<ExitCode> {
  const output = new Output(context, flags);
  const management = neededManagement(context, flags, 'listing queues of dead letters');
  const found = await management.get<readonly { readonly name: string }[]>(['queues', management.vhost], {
    columns: 'name',
  });
  const names = found
    .map(({ name }) => name)
    .filter(isDeadLetterName)
    .toSorted((one, other) => (one < other ? -1 : 1));
  const rows: string[][] = [];
  // The management API's counts are seconds old; the broker itself knows.
  await using rabbit = await openRabbit(context, flags, { topology: 'off' });
  await using requests = new Requests(rabbit, context.signal);
  for (const queue of names) {
    const ready = await requests.ready(queue);
    if (ready === undefined) continue; // deleted meanwhile
    rows.push([queue, number(ready)]);
    await output.record({ queue, ready }, () => '');
  }
  await output.end();
  if (rows.length === 0) context.note('there is no queue of dead letters in this virtual host');
  else await output.text(tableText(['queue', 'messages'], rows, columnsOf(context.stdout)));
  return exitCodes.done;
}

async function listMessages(context: Context, flags: ListFlags, queue: string): Promise<ExitCode> {
  const output = new Output(context, flags);
  await using audit = await openLookAudit(context, flags);
  await using desk = await openDesk(context, flags, queue, audit);
  const { selection, options } = await lookScope(context, flags, desk.letters, 'browse');
  using meter = startProgress(context, 'looked at');
  const { messages, looked, more } = await desk.letters.browse({
    ...options,
    selection,
    signal: context.signal,
    onProgress: (progress) => meter.update({ done: progress.looked, total: progress.total }),
    ...(selection === 'all' || options.all === true ? { limit: Math.min(flags.limit, mostLooked) } : {}),
  });
  meter.finish();
  const shown = messages.slice(0, flags.limit);
  for (const message of shown) await output.record(deadMessageJson(message), () => '');
  await output.end();
  if (shown.length > 0) await output.text(tableText(headings, shown.map(rowOf), columnsOf(context.stdout)));
  const isThrough = options.all === true;
  context.note(
    listedText(shown.length, { matched: messages.length, looked, more, isThrough, queue: desk.letters.queue }),
  );
  return isThrough ? exitCodes.done : lookExitCode({ looked, more });
}

const headings = ['id', 'failed at', 'queue', 'attempts', 'error'];

function rowOf({ id, failure }: DeadMessage): string[] {
  return [id, moment(failure.failedAt), failure.queue ?? '-', String(failure.attempts), errorText(failure)];
}

interface Listed {
  readonly matched: number;
  readonly looked: number;
  readonly more: boolean;
  readonly isThrough: boolean;
  readonly queue: string;
}

function listedText(shown: number, { matched, looked, more, isThrough, queue }: Listed): string {
  if (isThrough) return `${number(shown)} shown of ${number(looked)} in ${queue}${more ? '; more are selected' : ''}`;
  const hidden = matched > shown ? `, of ${number(matched)} that match; --limit shows more` : '';
  const rest = more ? `; ${behind(looked)}` : '';
  return `${number(shown)} shown from ${queue}${hidden}${rest}`;
}
