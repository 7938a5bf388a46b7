import type { Command } from 'commander';
import { action } from '../action.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { Output } from '../output.ts';
import { number } from '../progress.ts';
import { deadMessageJson } from './dead-message-json.ts';
import { deadMessageText } from './dead-message-text.ts';
import { type DeskFlags, nothingToAudit, openDesk } from './desk.ts';
import { withDeliveryCount } from './selection-flags.ts';

export function addShow(dlq: Command, context: Context): void {
  const command = dlq
    .command('show')
    .summary('all that is known of a dead letter')
    .description('Shows a dead letter: why it failed, its body decoded, its headers, its history and stack.')
    .argument('<queue>', 'a queue of dead letters, or the work queue it belongs to')
    .argument('<id>', 'its id, as `dlq list` tells it');
  withDeliveryCount(command).action(
    action<DeskFlags, [string, string]>(context, (flags, queue, id) => show(context, flags, queue, id)),
  );
}

async function show(context: Context, flags: DeskFlags, queue: string, id: string): Promise<ExitCode> {
  const output = new Output(context, flags);
  await using desk = await openDesk(context, flags, queue, nothingToAudit);
  const { messages, looked, more } = await desk.letters.browse({ selection: { ids: [id] }, signal: context.signal });
  const [first, ...others] = messages;
  if (first === undefined) {
    const where = `among ${more ? 'the first ' : ''}${number(looked)} messages of ${desk.letters.queue}`;
    context.note(`error: there is no message ${JSON.stringify(id)} ${where}`);
    return exitCodes.failed;
  }
  await output.value(deadMessageJson(first), () => deadMessageText(first, context.paint));
  if (others.length > 0) context.note(`note: ${others.length} more have this id; the first is shown`);
  return exitCodes.done;
}
