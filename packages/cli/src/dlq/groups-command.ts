import type { Group } from '@surehop/dead-letters';
import type { Command } from 'commander';
import { action } from '../action.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { count } from '../flag-values.ts';
import { Output } from '../output.ts';
import { moment } from '../printable.ts';
import { number, startProgress } from '../progress.ts';
import { tableText } from '../table.ts';
import { columnsOf } from '../terminal.ts';
import { isoOrUndefined } from './dead-message-json.ts';
import { errorText } from './dead-message-text.ts';
import { openDesk } from './desk.ts';
import { behind, type LookFlags, lookExitCode, lookScope, openLookAudit, withLooking } from './look-scope.ts';

interface GroupsFlags extends LookFlags {
  readonly limit?: number;
}

export function addGroups(dlq: Command, context: Context): void {
  const command = dlq
    .command('groups')
    .summary('the dead letters of a queue, counted by what they died of')
    .description(
      'Counts dead letters that died of the same thing: of one queue, with one error, whose message is the same but for numbers, ids and the like. `--group <key>` of the other commands selects one.',
    )
    .argument('<queue>', 'a queue of dead letters, or the work queue it belongs to')
    .option('--limit <n>', 'look at the first so many, at most and by default 50,000', count);
  withLooking(command).action(action<GroupsFlags, [string]>(context, (flags, queue) => groups(context, flags, queue)));
}

async function groups(context: Context, flags: GroupsFlags, queue: string): Promise<ExitCode> {
  const output = new Output(context, flags);
  await using audit = await openLookAudit(context, flags);
  await using desk = await openDesk(context, flags, queue, audit);
  const { selection, options } = await lookScope(context, flags, desk.letters, 'groups');
  using meter = startProgress(context, 'looked at');
  const found = await desk.letters.groups({
    ...options,
    selection,
    signal: context.signal,
    onProgress: (progress) => meter.update({ done: progress.looked, total: progress.total }),
    ...(flags.limit === undefined ? {} : { limit: flags.limit }),
  });
  meter.finish();
  for (const group of found.groups) await output.record(groupJson(group), () => '');
  await output.end();
  if (found.groups.length > 0) {
    await output.text(tableText(headings, found.groups.map(rowOf), columnsOf(context.stdout)));
  }
  const rest = found.more ? `; ${behind(found.looked)}` : '';
  context.note(`${number(found.looked)} looked at in ${desk.letters.queue}${rest}`);
  return lookExitCode(found);
}

const headings = ['group', 'count', 'queue', 'last failed at', 'error'];

function rowOf(group: Group): string[] {
  const { key, queue, lastAt, name, code, message, reason } = group;
  const error = errorText({ error: { name, code, message, stack: undefined }, reason });
  return [key, number(group.count), queue ?? '-', moment(lastAt), error];
}

function groupJson({ firstAt, lastAt, ...group }: Group): Record<string, unknown> {
  return { ...group, firstAt: isoOrUndefined(firstAt), lastAt: isoOrUndefined(lastAt) };
}
