import { type Family, familiesOf, isOurFamily, type Role } from '../family.ts';
import type { QueueView } from '../management-views.ts';
import type { Wanted } from '../topology/wanted.ts';

/** A queue that messages of ours go through. */
export interface OurQueue {
  readonly name: string;
  readonly role: Role;
  /** Of the work queue. */
  readonly family: string;
  /** Of a rung. */
  readonly delayMs: number | undefined;
  readonly view: QueueView;
}

/** The families that contracts name, and those that look as if one had declared them. */
export function ourFamilies(queues: readonly QueueView[], wanted: readonly Wanted[]): Family<QueueView>[] {
  const named = new Set(wanted.flatMap((one) => (one.kind === 'queue' ? [one.name] : [])));
  return familiesOf(queues).filter((family) => named.has(family.name) || isOurFamily(family));
}

export function queuesIn({ name: family, work, rungs, waiting, deadLetters }: Family<QueueView>): OurQueue[] {
  const all: OurQueue[] = [];
  const add = (view: QueueView, role: Role, delayMs?: number): void => {
    all.push({ name: view.name, role, family, delayMs, view });
  };
  if (work !== undefined) add(work, 'work');
  for (const { queue, delayMs } of rungs) add(queue, 'rung', delayMs);
  if (waiting !== undefined) add(waiting, 'waiting');
  if (deadLetters !== undefined) add(deadLetters, 'dead-letter');
  return all;
}
