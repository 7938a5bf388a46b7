import type { Command } from 'commander';
import { action } from '../action.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { Output } from '../output.ts';
import { type ActFlags, scopeOf, withActing } from './act.ts';
import { openAudit } from './audit-path.ts';
import { carryOut } from './carrying-out.ts';
import { type DeskFlags, openDesk } from './desk.ts';
import { type SelectionFlags, withDeliveryCount, withSelection } from './selection-flags.ts';

interface DiscardFlags extends ActFlags, SelectionFlags, DeskFlags {}

export function addDiscard(dlq: Command, context: Context): void {
  const command = dlq
    .command('discard')
    .summary('take dead letters away for good')
    .description(
      'Takes dead letters away for good, all of them or those selected; `dlq export` keeps a copy before. It looks first, says how many there are, and asks.',
    )
    .argument('<queue>', 'a queue of dead letters, or the work queue it belongs to');
  withDeliveryCount(withActing(withSelection(command))).action(
    action<DiscardFlags, [string]>(context, (flags, queue) => discard(context, flags, queue)),
  );
}

async function discard(context: Context, flags: DiscardFlags, queue: string): Promise<ExitCode> {
  const output = new Output(context, flags);
  await using audit = await openAudit(flags, context.env);
  await using desk = await openDesk(context, flags, queue, audit);
  const { letters } = desk;
  const scope = await scopeOf(context, flags, { actions: ['discard'], queue: letters.queue });
  return await carryOut(context, flags, output, {
    verb: 'Discard',
    done: 'discarded',
    queue: letters.queue,
    scope,
    takesAway: true,
    warning: 'They cannot be had back.',
    perform: (options) => letters.discard(scope.selection, options),
  });
}
