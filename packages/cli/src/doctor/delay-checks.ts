import { duration } from '../progress.ts';
import type { Finding } from './finding.ts';
import type { OurQueue } from './our-queues.ts';
import { messages } from './queue-checks.ts';

/** How far two looks must be apart, in milliseconds: the broker's counts are up to 5 s old, each by itself. */
export const betweenLooksMs = 11_000;

/** Whether a second look is worth waiting for. */
export function haveMessages(queues: readonly OurQueue[]): boolean {
  return queues.some(({ role, view }) => role === 'rung' && (view.messages ?? 0) > 0);
}

/**
 * Delay queues from which nothing leaves although something is due. Certain where the broker's dead-letter worker holds
 * messages in both looks, or the delay is shorter than the time between them; of others nothing can be known.
 *
 * @param elapsedMs between the two looks
 */
export function delayFindings(before: readonly OurQueue[], now: readonly OurQueue[], elapsedMs: number): Finding[] {
  const earlier = new Map(before.map((queue) => [queue.name, queue.view]));
  return now.flatMap(({ name, role, family, delayMs = 0, view }): Finding[] => {
    const first = earlier.get(name);
    if (role !== 'rung' || first === undefined) return [];
    const [held, count] = [view.messages_dlx ?? 0, view.messages ?? 0];
    const wasHeld = (first.messages_dlx ?? 0) > 0 && held > 0;
    // Each count may be 5 s old: what was there in the first look is older than the delay for certain only so.
    const isOverdue = (first.messages ?? 0) > 0 && count > 0 && elapsedMs - 5_000 > delayMs;
    if (!(wasHeld || isOverdue) || leftIt(first, view) > 0) return [];
    return [
      {
        severity: 'error',
        check: 'delay queues',
        what: `queue "${name}" is stuck: ${messages(count)}, ${held} of them dead and not taken by the next queue, and none left within ${duration(elapsedMs)}`,
        means: `they do not come back to "${family}" after ${duration(delayMs)}; they are kept`,
        todo: `see what is said of "${family}" above; when all ways stand and it is not full, wait 180 s, then restart the node that leads the queue`,
      },
    ];
  });
}

/** How many messages left the queue between the two: those that came, less those that it grew by. */
function leftIt(
  before: { readonly messages?: number; readonly message_stats?: { readonly publish?: number } },
  now: { readonly messages?: number; readonly message_stats?: { readonly publish?: number } },
): number {
  const came = (now.message_stats?.publish ?? 0) - (before.message_stats?.publish ?? 0);
  return came - ((now.messages ?? 0) - (before.messages ?? 0));
}
