import { type ActionReport, type ActOptions, checkActOptions } from './act-options.ts';
import type { Desk } from './desk.ts';
import type { Fate } from './fate.ts';
import { goThrough } from './going-through.ts';
import { beganAt, carriedOut, reportOf } from './run.ts';
import { matcherOf, type Selection } from './selection.ts';

export interface DiscardOptions extends ActOptions {}

const gone: Fate = Object.freeze({ kind: 'go' });

/**
 * Takes dead letters away for good. Such as come while it runs are not touched.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID, SUREHOP_FILTER_INVALID, SUREHOP_QUEUE_NOT_FOUND, SUREHOP_ACCESS_REFUSED,
 *   SUREHOP_AUDIT_FAILED, SUREHOP_CLOSED. What was done until then stays done
 */
export async function discard(desk: Desk, selection: Selection, options: DiscardOptions = {}): Promise<ActionReport> {
  checkActOptions('discard', options, { resumesPassOnly: true });
  const matches = matcherOf(selection, beganAt(desk.internals, options));
  const { signal: _signal, onProgress: _onProgress, ...plain } = options;
  const intention = { action: 'discard', queue: desk.queue, selection, options: plain } as const;
  return carriedOut(desk, intention, options, async (run) => {
    const end = await goThrough(desk, { matches, fate: () => gone }, run, selection, options);
    return reportOf(run, end, options.dryRun);
  });
}
