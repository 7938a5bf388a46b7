import type { Backoff } from './backoff.ts';
import { type Clock, sleep } from './effects.ts';
import type { Link } from './link.ts';
import type { LinkSession } from './link-session.ts';

/** A session that lived this long was a good one: the next failure starts from the shortest delay again. */
const goodSessionMs = 1_000;

export interface SessionLoopOptions {
  readonly link: Link;
  readonly clock: Clock;
  readonly backoff: Backoff;
  /** Ends the loop. */
  readonly stop: AbortSignal;
  /** Opens a channel on this session and resolves when that channel is over; a rejection is a failed attempt. */
  readonly serve: (session: LinkSession) => Promise<void>;
  /** Told about each rejection of `serve`. Throws to give up: the loop then rejects with what was thrown. */
  readonly onFailure?: (error: unknown) => void;
}

/**
 * Keeps one channel's work going: serves it on each generation of a link, and anew on the same one, with a growing
 * delay, when only the channel was lost. Resolves after `stop`.
 */
export async function sessionLoop(options: SessionLoopOptions): Promise<void> {
  const { link, clock, backoff, stop, serve } = options;
  let failures = 0;
  while (!stop.aborted) {
    const session = await link.whenOpen(stop).catch(() => undefined);
    if (session === undefined) return;
    const startedAt = clock.now();
    try {
      await serve(session);
    } catch (error) {
      if (!stop.aborted) options.onFailure?.(error);
    }
    failures = clock.now() - startedAt >= goodSessionMs ? 1 : failures + 1;
    if (!stop.aborted && session.isOpen) await sleep(clock, backoff(failures), stop).catch(() => undefined);
  }
}
