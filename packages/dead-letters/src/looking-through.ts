import type { Resume } from './act-options.ts';
import type { DeadMessage } from './dead-message.ts';
import type { Desk } from './desk.ts';
import type { Action } from './fate.ts';
import type { Looked, Visit } from './looking.ts';
import type { OnProgress } from './progress.ts';
import { carriedOut, reportOf } from './run.ts';
import type { Selection } from './selection.ts';
import { StreamRun } from './stream-run.ts';

/** What a look through a whole queue is written down as. */
interface LookingThrough {
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress | undefined;
  readonly resume: Resume | undefined;
  readonly action: 'browse' | 'groups';
  readonly selection: Selection;
}

/**
 * Shows every message of a queue, in order, in a pass: each goes to the tail of its queue, and is shown once it is there.
 * Where it is stopped, the rest has not moved, and a run that resumes this one shows that rest.
 *
 * @throws {SurehopError} SUREHOP_QUEUE_NOT_FOUND, SUREHOP_ACCESS_REFUSED, SUREHOP_LOOKING_COUNTS, SUREHOP_AUDIT_FAILED,
 *   SUREHOP_CLOSED
 * @throws the signal's reason
 */
export async function lookThrough<T>(
  desk: Desk,
  { action: name, selection, ...options }: LookingThrough,
  matches: (message: DeadMessage) => boolean,
  { result, visit }: { readonly result: T; readonly visit: Visit },
): Promise<Looked<T>> {
  const action: Action = { matches, fate: () => ({ kind: 'stay' }), onLeft: visit };
  const intention = { action: name, queue: desk.queue, selection, options: { all: true } } as const;
  const { looked, more } = await carriedOut(desk, intention, options, async (run) => {
    const end = await new StreamRun(desk, action, run, { isPass: true, limit: Number.POSITIVE_INFINITY }).run();
    return reportOf(run, end);
  });
  if (more) options.signal.throwIfAborted();
  return { result, looked, more };
}
