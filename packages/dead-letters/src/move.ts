import { type ActionReport, type ActOptions, checkActOptions } from './act-options.ts';
import { moveCopy } from './copies.ts';
import type { DeadMessage } from './dead-message.ts';
import type { Desk } from './desk.ts';
import type { Fate } from './fate.ts';
import { goThrough } from './going-through.ts';
import { beganAt, carriedOut, reportOf, untilCancelled } from './run.ts';
import { matcherOf, type Selection } from './selection.ts';
import { assertQueueExists, checkTarget } from './target.ts';

export interface MoveOptions extends ActOptions {}

/**
 * Puts dead letters into another queue, which must exist, as they are. Each is acknowledged here once its copy is stored
 * there. What the broker's own headers said of a death is written down in ours: the broker would take a copy's for its own.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID, SUREHOP_FILTER_INVALID, SUREHOP_QUEUE_NOT_FOUND (for this queue or `to`),
 *   SUREHOP_ACCESS_REFUSED, SUREHOP_AUDIT_FAILED, SUREHOP_CLOSED. What was done until then stays done
 */
export async function move(
  desk: Desk,
  selection: Selection,
  to: string,
  options: MoveOptions = {},
): Promise<ActionReport> {
  checkTarget('to', to, desk.queue);
  checkActOptions('move', options, { resumesPassOnly: true });
  const matches = matcherOf(selection, beganAt(desk.internals, options));
  const { signal: _signal, onProgress: _onProgress, ...plain } = options;
  const intention = { action: 'move', queue: desk.queue, selection, options: { ...plain, to } } as const;
  return carriedOut(desk, intention, options, async (run) => {
    const { newId } = desk.internals.effects;
    const fate = (message: DeadMessage): Fate => {
      const attempt = moveCopy(message, to, { frameMax: run.lane.frameMax, newId });
      return 'copy' in attempt ? { kind: 'copy', copy: attempt.copy } : { kind: 'skip', why: attempt.why };
    };
    const end = await untilCancelled(run, async () => {
      await assertQueueExists(desk.internals, to, run.signal);
      return goThrough(desk, { matches, fate }, run, selection, options);
    });
    return reportOf(run, end, options.dryRun);
  });
}
