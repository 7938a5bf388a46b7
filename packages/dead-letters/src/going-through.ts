import type { ActOptions } from './act-options.ts';
import type { Desk } from './desk.ts';
import type { Action } from './fate.ts';
import { HeldRun } from './held-run.ts';
import type { Run, RunEnd } from './run.ts';
import type { Selection } from './selection.ts';
import { StreamRun } from './stream-run.ts';

/**
 * Goes through a queue in the way that fits: the held form, which moves nothing that is not acted on; the streaming form,
 * for an action that takes everything away; or a pass.
 */
export function goThrough(
  desk: Desk,
  action: Action,
  run: Run,
  selection: Selection,
  options: ActOptions,
): Promise<RunEnd> {
  const { limit = Number.POSITIVE_INFINITY, lookAtMost, dryRun: isDryRun = false, all: isPass = false } = options;
  if (!isDryRun && (isPass || selection === 'all')) {
    return new StreamRun(desk, action, run, { isPass, limit, lookAtMost }).run();
  }
  return new HeldRun(desk, action, run, { limit, lookAtMost, isDryRun, ids: idsOf(selection) }).run();
}

/** Those that are wanted by their ids: once each was seen, there is no need to look on. */
export function idsOf(selection: Selection): readonly string[] | undefined {
  return typeof selection === 'object' && 'ids' in selection ? selection.ids : undefined;
}
