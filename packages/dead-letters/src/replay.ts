import type { Desk } from './desk.ts';
import type { Action } from './fate.ts';
import { idsOf } from './going-through.ts';
import { HeldRun, type HeldRunOptions } from './held-run.ts';
import { mostHeld } from './holding.ts';
import { rampDefaults } from './ramp.ts';
import { checkReplayOptions, type ReplayOptions, type ReplayReport } from './replay-options.ts';
import { Replaying } from './replaying.ts';
import { beganAt, carriedOut, type Run, type RunEnd, reportOf, untilCancelled } from './run.ts';
import { matcherOf, type Selection } from './selection.ts';
import { StreamRun } from './stream-run.ts';
import { Tally } from './tally.ts';
import { assertQueueExists, readyIn } from './target.ts';

/**
 * Sends dead letters to the queues where they failed, or to another, to be handled once more. Each is acknowledged here once
 * its copy is stored there.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID, SUREHOP_FILTER_INVALID, SUREHOP_QUEUE_NOT_FOUND (for this queue or `to`),
 *   SUREHOP_ACCESS_REFUSED, SUREHOP_AUDIT_FAILED, SUREHOP_CLOSED. What was done until then stays done
 */
export async function replay(desk: Desk, selection: Selection, options: ReplayOptions = {}): Promise<ReplayReport> {
  checkReplayOptions(desk.queue, options);
  const matches = matcherOf(selection, beganAt(desk.internals, options));
  const { signal: _signal, onProgress: _onProgress, edit, ...plain } = options;
  const intention = {
    action: edit === undefined ? 'replay' : 'edit-and-replay',
    queue: desk.queue,
    selection,
    options: plain,
  } as const;
  return carriedOut(desk, intention, options, async (run) => {
    const { to, dryRun = false } = options;
    const replaying = new Replaying(desk, run, matches, options);
    const end = await untilCancelled(run, async () => {
      if (to !== undefined) await assertQueueExists(desk.internals, to, run.signal);
      return sendAll(desk, replaying, run, selection, options);
    });
    return { ...reportOf(run, end, dryRun), ...replaying.findings(end === 'cut') };
  });
}

async function sendAll(
  desk: Desk,
  replaying: Replaying,
  run: Run,
  selection: Selection,
  options: ReplayOptions,
): Promise<RunEnd> {
  const { limit = Number.POSITIVE_INFINITY, lookAtMost, all: isPass = false, dryRun: isDryRun = false } = options;
  const isWatched = options.ramp !== undefined || (options.watchMs ?? 0) > 0;
  const ready = isWatched ? await readyIn(desk.internals, desk.queue, run.signal) : 'unknown';
  const canBeHeld = typeof ready === 'number' && ready <= mostHeld;
  const held: HeldRunOptions = {
    limit,
    lookAtMost,
    isDryRun,
    ids: idsOf(selection),
    turn: (look) => replaying.heldTurn(look),
    onNewer: (message) => replaying.noteNewer(message),
    afterwards: (look) => (isDryRun ? Promise.resolve() : replaying.watch(look)),
  };
  if (isDryRun || (!isPass && (selection !== 'all' || canBeHeld))) return new HeldRun(desk, replaying, run, held).run();
  replaying.isHeld = false;
  const mostAhead = takenAhead(options);
  const turn: StreamTurn = (holding, readyAtFirst) => replaying.streamTurn(holding, readyAtFirst);
  const end = await new StreamRun(desk, replaying, run, { isPass, limit, lookAtMost, mostAhead, turn }).run();
  if (isWatched && !run.signal.aborted) await watchFromHead(desk, replaying, run, held);
  return end;
}

type StreamTurn = NonNullable<ConstructorParameters<typeof StreamRun>[3]['turn']>;

/** At a rate, no more than what leaves within some seconds: the broker ends a subscription that holds messages for long. */
function takenAhead({ ratePerSecond, ramp }: ReplayOptions): number {
  const steps = ramp === undefined ? [] : (ramp.stepsPerSecond ?? rampDefaults.stepsPerSecond);
  const fastest = Math.min(
    ratePerSecond ?? Number.POSITIVE_INFINITY,
    Math.max(...steps, steps.length === 0 ? Number.POSITIVE_INFINITY : 0),
  );
  return Math.min(500, Math.max(10, Math.ceil(fastest)));
}

/** After the streaming form: what came back is looked for among the first that can be held. */
async function watchFromHead(desk: Desk, replaying: Replaying, run: Run, held: HeldRunOptions): Promise<void> {
  const nothing: Action = {
    matches: () => false,
    fate: () => ({ kind: 'stay' }),
    isNewer: (message) => replaying.isNewer(message),
  };
  const aside = { ...run, tally: new Tally(desk.internals, undefined) };
  await new HeldRun(desk, nothing, aside, { ...held, isDryRun: true, ids: undefined, lookAtMost: undefined }).run();
}
