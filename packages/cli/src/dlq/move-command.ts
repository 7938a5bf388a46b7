import type { Command } from 'commander';
import { action } from '../action.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { withNearest } from '../nearest-queues.ts';
import { Output } from '../output.ts';
import { type ActFlags, scopeOf, withActing } from './act.ts';
import { openAudit } from './audit-path.ts';
import { carryOut } from './carrying-out.ts';
import { type DeskFlags, openDesk } from './desk.ts';
import { type SelectionFlags, withDeliveryCount, withSelection } from './selection-flags.ts';

interface MoveFlags extends ActFlags, SelectionFlags, DeskFlags {
  readonly to: string;
}

export function addMove(dlq: Command, context: Context): void {
  const command = dlq
    .command('move')
    .summary('put dead letters into another queue, as they are')
    .description(
      'Puts dead letters, all of them or those selected, into another queue, which must exist, as they are and in their order. It looks first, says how many there are, and asks.',
    )
    .argument('<queue>', 'a queue of dead letters, or the work queue it belongs to')
    .requiredOption('--to <queue>', 'where they go');
  withDeliveryCount(withActing(withSelection(command))).action(
    action<MoveFlags, [string]>(context, (flags, queue) => move(context, flags, queue)),
  );
}

async function move(context: Context, flags: MoveFlags, queue: string): Promise<ExitCode> {
  const output = new Output(context, flags);
  await using audit = await openAudit(flags, context.env);
  await using desk = await openDesk(context, flags, queue, audit);
  const { letters } = desk;
  const scope = await scopeOf(context, flags, { actions: ['move'], queue: letters.queue });
  return await carryOut(context, flags, output, {
    verb: 'Move',
    done: 'moved',
    queue: letters.queue,
    scope,
    takesAway: true,
    details: () => `to ${flags.to}`,
    perform: (options) =>
      letters.move(scope.selection, flags.to, options).catch(async (thrown: unknown) => {
        throw await withNearest(context, flags, flags.to, thrown);
      }),
  });
}
