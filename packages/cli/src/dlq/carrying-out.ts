import type { ActionReport, ActOptions, OnProgress, Progress } from '@surehop/dead-letters';
import { confirmed } from '../confirmation.ts';
import { brokerLabel } from '../connection.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { number, type Step, startProgress } from '../progress.ts';
import type { Act, ActFlags } from './act.ts';
import { isBoundless, mayBeMore, told } from './ending.ts';
import { selectionText } from './selection-flags.ts';

/** Looks, asks, acts and reports. */
export async function carryOut<R extends ActionReport>(
  context: Context,
  flags: ActFlags,
  output: Output,
  act: Act<R>,
): Promise<ExitCode> {
  const { all, limit, resume } = act.scope;
  const { signal } = context;
  const options: ActOptions = {
    signal,
    all,
    ...(limit === undefined ? {} : { limit }),
    ...(resume === undefined ? {} : { resume }),
  };
  let counted: number | undefined;
  if (flags.dryRun === true || flags.yes !== true) {
    const preview = await metered(context, looking, (onProgress) =>
      act.perform({ ...options, onProgress, dryRun: true }),
    );
    signal.throwIfAborted();
    const isNothing = preview.done === 0 && !(isBoundless(act) && preview.more);
    if (flags.dryRun === true || isNothing) return await told(context, output, act, preview);
    await confirmed(context, question(context, flags, act, preview), flags);
    // What died while the person was reading stands behind all that was counted.
    if (!preview.more) counted = preview.looked;
  }
  const step = act.scope.selection === 'all' ? acting(act.done) : actingOnSome(act.done);
  const report = await metered(context, step, (onProgress) =>
    act.perform({ ...options, ...(counted === undefined ? {} : { lookAtMost: counted }), onProgress }),
  );
  return await told(context, output, act, report);
}

async function metered<R>(
  context: Context,
  stepOf: (progress: Progress) => Step,
  work: (onProgress: OnProgress) => Promise<R>,
): Promise<R> {
  using meter = startProgress(context, 'looked at');
  return await work((progress) => meter.update(stepOf(progress)));
}

function looking({ looked, total }: Progress): Step {
  return { done: looked, total };
}

/** Where all are acted on, there are as many as there are messages. */
function acting(label: string): (progress: Progress) => Step {
  return ({ done, total, toDo }) => knownToDo(label, done, toDo) ?? { label, done, total };
}

/** How many there will be nobody knows before all were looked at; how many there are to look at is known. */
function actingOnSome(verb: string): (progress: Progress) => Step {
  return ({ done, looked, total, toDo }) =>
    knownToDo(verb, done, toDo) ?? { label: `${verb} ${number(done)}, looked at`, done: looked, total };
}

function knownToDo(label: string, done: number, toDo: number | undefined): Step | undefined {
  return toDo === undefined ? undefined : { label, done, total: toDo, phase: 'acting' };
}

function question<R extends ActionReport>(context: Context, flags: ActFlags, act: Act<R>, preview: R): string {
  const { scope, verb, queue } = act;
  const { looked, done, skippedCount } = preview;
  const many = `${mayBeMore(scope, preview) ? 'at least ' : ''}${number(done)}`;
  const details = act.details?.(preview) ?? '';
  const sentences = [
    `${verb} ${many} of ${number(looked)} dead letters looked at in ${queue}${selectionText(scope.selection)}${details === '' ? '' : `: ${details}`}?`,
    `The broker is ${brokerLabel(context, flags)}.`,
    skippedCount > 0 ? `${number(skippedCount)} would be skipped.` : '',
    act.warning ?? '',
    scope.all ? 'With --all the whole queue is gone through, and what is not acted on moves to its end.' : '',
  ];
  return sentences.filter((sentence) => sentence !== '').join(' ');
}
