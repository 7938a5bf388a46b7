import { ManagementError } from '../management.ts';
import type { Contracts } from './contract-files.ts';
import type { Views } from './found.ts';
import { type Leftover, type Leftovers, leftoversOf } from './leftovers.ts';

/** What pruning needs of the world. */
export interface PruneAccess {
  look(): Promise<Views>;
  /** Ready at this moment; undefined when there is no such queue. */
  ready(queue: string): Promise<number | undefined>;
  /** Resolves to false when it was gone already. @throws {ManagementError} */
  removeQueue(name: string, isConditional: boolean): Promise<boolean>;
  /** Only where nothing is bound to it. */
  removeExchange(name: string): Promise<boolean>;
}

export interface Pruned extends Leftover {
  readonly result: 'removed' | 'already gone' | 'kept';
}

/** Between two looks, in milliseconds: the broker's counts are up to 5 s old. */
export const betweenLooksMs = 10_000;

/**
 * The second look, and what comes of it. Only what was found removable in the first look and is in the second is removed,
 * after a third, at the moment itself, at how many messages are ready.
 *
 * @param first at least {@link betweenLooksMs} ago
 */
export async function prune(
  access: PruneAccess,
  wish: { readonly contracts: Contracts; readonly gone: readonly string[]; readonly first: Leftovers },
  tell: (pruned: Pruned) => Promise<void>,
): Promise<void> {
  const views = await access.look();
  const wasRemovable = new Set(wish.first.found.filter(isRemovable).map(keyOf));
  /** Families of which something was kept: the rest stays as well. */
  const stopped = new Set<string>();
  for (const leftover of leftoversOf(wish.contracts, wish.gone, views).found) {
    if (!wasRemovable.has(keyOf(leftover))) continue;
    const pruned =
      leftover.together !== undefined && stopped.has(leftover.together)
        ? kept(leftover, 'something it belongs to was kept')
        : await removed(access, leftover, views);
    if (pruned.result === 'kept' && leftover.together !== undefined) stopped.add(leftover.together);
    await tell(pruned);
  }
}

export function isRemovable({ keptBecause }: Leftover): boolean {
  return keptBecause === undefined;
}

async function removed(access: PruneAccess, leftover: Leftover, views: Views): Promise<Pruned> {
  if (leftover.keptBecause !== undefined) return kept(leftover, leftover.keptBecause);
  const { kind, name } = leftover;
  try {
    if (kind === 'exchange') return done(leftover, await access.removeExchange(name));
    const ready = await access.ready(name);
    if (ready === undefined) return done(leftover, false);
    if (ready > 0) return kept(leftover, `has got ${ready} ${ready === 1 ? 'message' : 'messages'}`);
    // Quorum queues refuse the conditions, so that a message of the last milliseconds is not seen by anybody.
    const isConditional = views.queues.some((queue) => queue.name === name && queue.type === 'classic');
    return done(leftover, await access.removeQueue(name, isConditional));
  } catch (thrown) {
    if (thrown instanceof ManagementError && thrown.status === 400) return kept(leftover, 'has come into use');
    throw thrown;
  }
}

function done(leftover: Leftover, wasThere: boolean): Pruned {
  return { ...leftover, result: wasThere ? 'removed' : 'already gone' };
}

function kept(leftover: Leftover, keptBecause: string): Pruned {
  return { ...leftover, keptBecause, result: 'kept' };
}

function keyOf({ kind, name }: Leftover): string {
  return `${kind} ${name}`;
}
