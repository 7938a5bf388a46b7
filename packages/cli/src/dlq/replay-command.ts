import type { RampOptions, ReplayOptions, ReplayReport } from '@surehop/dead-letters';
import type { Command } from 'commander';
import { action } from '../action.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { durationMs, positive, positives, share } from '../flag-values.ts';
import { withNearest } from '../nearest-queues.ts';
import { Output } from '../output.ts';
import { oneLine } from '../printable.ts';
import { number } from '../progress.ts';
import { UsageError } from '../usage-error.ts';
import { type ActFlags, type Scope, scopeOf, withActing } from './act.ts';
import { openAudit } from './audit-path.ts';
import { carryOut } from './carrying-out.ts';
import { type DeskFlags, openDesk } from './desk.ts';
import { loadEdit } from './edition.ts';
import { type SelectionFlags, withDeliveryCount, withSelection } from './selection-flags.ts';

interface ReplayFlags extends ActFlags, SelectionFlags, DeskFlags {
  readonly to?: string;
  readonly rate?: number;
  readonly ramp?: boolean;
  readonly rampSteps?: readonly number[];
  readonly rampStepTime?: number;
  readonly maxFailedShare?: number;
  readonly watch?: number;
  readonly edit?: string;
}

export function addReplay(dlq: Command, context: Context): void {
  const command = dlq
    .command('replay')
    .summary('send dead letters to the queues where they failed')
    .description(
      'Sends dead letters, all of them or those selected, to the queues where they failed, to be handled once more. Each is taken away here only once its copy is stored there. It looks first, says how many go where, and asks.',
    )
    .argument('<queue>', 'a queue of dead letters, or the work queue it belongs to');
  withActing(withSelection(command))
    .option('--to <queue>', 'send all of them to this queue instead')
    .option('--rate <n>', 'at most so many per second', positive)
    .option('--ramp', 'begin slowly, and stop when too many come back dead')
    .option('--ramp-steps <list>', 'per second, one step after the other (default: 1,2,5,20,100,500)', positives)
    .option('--ramp-step-time <duration>', 'how long a step lasts (default: 10s)', durationMs)
    .option('--max-failed-share <share>', 'with a ramp: stop above this share (default: 50%)', share)
    .option('--watch <duration>', 'afterwards, watch for so long for those that come back dead', durationMs)
    .option(
      '--edit <file>',
      'edit each on its way: a module with a function, or JSON for one message; new ids are given',
    );
  withDeliveryCount(command).action(
    action<ReplayFlags, [string]>(context, (flags, queue) => replay(context, flags, queue)),
  );
}

async function replay(context: Context, flags: ReplayFlags, queue: string): Promise<ExitCode> {
  const output = new Output(context, flags);
  await using audit = await openAudit(flags, context.env);
  await using desk = await openDesk(context, flags, queue, audit);
  const { letters } = desk;
  const scope = await scopeOf(context, flags, { actions: ['replay', 'edit-and-replay'], queue: letters.queue });
  if (scope.resume !== undefined && scope.isEdit !== (flags.edit !== undefined)) {
    throw new UsageError(
      scope.isEdit
        ? `run ${scope.resume.run} edited what it replayed: go on with the same --edit`
        : `run ${scope.resume.run} edited nothing: leave out --edit`,
    );
  }
  const options: ReplayOptions = {
    ...temperedBy(scope),
    ...(flags.to === undefined ? {} : { to: flags.to }),
    ...(flags.rate === undefined ? {} : { ratePerSecond: flags.rate }),
    ...(flags.watch === undefined ? {} : { watchMs: flags.watch }),
    ...rampOf(flags, scope.options.ramp as RampOptions | undefined),
    ...(flags.edit === undefined ? {} : { edit: await loadEdit(flags.edit, scope.selection) }),
  };
  let report: ReplayReport | undefined;
  const exitCode = await carryOut<ReplayReport>(context, flags, output, {
    verb: 'Replay',
    done: 'replayed',
    queue: letters.queue,
    scope,
    takesAway: true,
    resumedBy: `--resume with it${flags.edit === undefined ? '' : ' and the same --edit'} goes on`,
    details: detailsOf,
    perform: async (given) => {
      report = await letters.replay(scope.selection, { ...options, ...given }).catch(async (thrown: unknown) => {
        throw await withNearest(context, flags, options.to, thrown);
      });
      return report;
    },
  });
  if (report === undefined) return exitCode;
  for (const { id, error } of report.cameBack.slice(0, shownBack)) {
    context.note(`came back dead ${oneLine(id)}: ${oneLine(error ?? 'without an error')}`);
  }
  if (report.stoppedBy === 'failed share') context.note('stopped: too many came back dead');
  return report.cameBackCount > 0 || report.stoppedBy === 'failed share' ? exitCodes.partly : exitCode;
}

const shownBack = 20;

/** What an earlier run was to keep to, it keeps to when it is gone on with. */
function temperedBy({ options }: Scope): ReplayOptions {
  const kept = ['to', 'ratePerSecond', 'watchMs'].filter((name) => options[name] !== undefined);
  return Object.fromEntries(kept.map((name) => [name, options[name]]));
}

function rampOf(
  { ramp, rampSteps, rampStepTime, maxFailedShare }: ReplayFlags,
  earlier: RampOptions | undefined,
): Pick<ReplayOptions, 'ramp'> {
  const given: RampOptions = {
    ...earlier,
    ...(rampSteps === undefined ? {} : { stepsPerSecond: rampSteps }),
    ...(rampStepTime === undefined ? {} : { stepMs: rampStepTime }),
    ...(maxFailedShare === undefined ? {} : { maxFailedShare }),
  };
  return ramp === true || earlier !== undefined || Object.keys(given).length > 0 ? { ramp: given } : {};
}

function detailsOf({ byTarget, cameBackCount }: ReplayReport): string {
  const parts = Object.entries(byTarget).map(([queue, many]) => `${number(many)} to ${queue}`);
  if (cameBackCount > 0) parts.push(`came back dead ${number(cameBackCount)}`);
  return parts.join(', ');
}
