import type { HeaderTable } from '@surehop/core';
import {
  deadLetterName,
  delayEntrance,
  placeInDelays,
  retryExchangeName,
  waitingName,
  waitingTopology,
} from '@surehop/core/internal';

/** A queue and what contracts derive from its name. The delay network is one too, with its levels as rungs and no work queue. */
export interface Family<Q> {
  /** Of the work queue, whether it is there or not. */
  readonly name: string;
  readonly work: Q | undefined;
  /** Shortest delay first. */
  readonly rungs: readonly Rung<Q>[];
  /** Where messages wait for an earlier one of their key. Only consumers with `orderBy` have it. */
  readonly waiting: Q | undefined;
  readonly deadLetters: Q | undefined;
}

export interface Rung<Q> {
  readonly delayMs: number;
  readonly queue: Q;
}

export type Role = 'work' | 'rung' | 'waiting' | 'dead-letter';

interface Place {
  readonly family: string;
  readonly role: Role;
  readonly delayMs: number;
}

/**
 * Which part of which family a queue of this name is.
 *
 * @param found its arguments, where it stands: others have queues called `….waiting`, which are work queues then
 */
export function placeOf(name: string, found?: HeaderTable): Place {
  const delays = placeInDelays(name);
  if (delays?.part === 'level') return { family: delayEntrance, role: 'rung', delayMs: delays.delayMs };
  const [, base, delay] = /^(.+)\.retry\.(\d{1,10})$/s.exec(name) ?? [];
  if (base !== undefined) return { family: base, role: 'rung', delayMs: Number(delay) };
  const dead = before(deadLetterName(''), name);
  if (dead !== undefined) return { family: dead, role: 'dead-letter', delayMs: 0 };
  const waits = before(waitingName(''), name);
  if (waits !== undefined && (found === undefined || isWaitingQueue(waits, found))) {
    return { family: waits, role: 'waiting', delayMs: 0 };
  }
  return { family: name, role: 'work', delayMs: 0 };
}

/** `orders` of `orders.dead-letter`. */
function before(ending: string, name: string): string | undefined {
  return name.length > ending.length && name.endsWith(ending) ? name.slice(0, -ending.length) : undefined;
}

function isWaitingQueue(family: string, found: HeaderTable): boolean {
  const [queue] = waitingTopology(family).queues;
  return Object.entries(queue?.arguments ?? {}).every(([argument, value]) => found[argument] === value);
}

/** Puts together what belongs together, in the order of names. A queue with nothing around it is a family as well. */
export function familiesOf<Q extends { readonly name: string; readonly arguments?: HeaderTable }>(
  queues: readonly Q[],
): Family<Q>[] {
  const byName = new Map<string, { work?: Q; rungs: Rung<Q>[]; waiting?: Q; deadLetters?: Q }>();
  for (const queue of queues) {
    const { family, role, delayMs } = placeOf(queue.name, queue.arguments ?? {});
    const parts = byName.get(family) ?? { rungs: [] };
    byName.set(family, parts);
    if (role === 'rung') parts.rungs.push({ delayMs, queue });
    else if (role === 'work') parts.work = queue;
    else if (role === 'waiting') parts.waiting = queue;
    else parts.deadLetters = queue;
  }
  return [...byName]
    .map(([name, { work, rungs, waiting, deadLetters }]) => ({
      name,
      work,
      rungs: rungs.toSorted((one, other) => one.delayMs - other.delayMs),
      waiting,
      deadLetters,
    }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** Whether a queue is not only named but also declared as a contract does it. Nobody else's is ever touched. */
export function isOurs(name: string, found: HeaderTable): boolean {
  const { family, role, delayMs } = placeOf(name, found);
  if (role === 'waiting') return true;
  if (role === 'work') return found['x-dead-letter-exchange'] === deadLetterName(family) || isOurStream(found);
  if (role === 'dead-letter') {
    return found['x-queue-type'] === 'quorum' && found['x-delivery-limit'] === 2 ** 31 - 1;
  }
  if (family === delayEntrance) {
    return found['x-queue-type'] === 'quorum' && found['x-message-ttl'] === delayMs;
  }
  return (
    found['x-message-ttl'] === delayMs &&
    found['x-dead-letter-exchange'] === retryExchangeName(family) &&
    found['x-dead-letter-routing-key'] === family
  );
}

/** Whether at least one queue around the work queue is ours: a work queue itself may be anybody's. */
export function isOurFamily(family: Family<{ name: string; arguments?: HeaderTable }>): boolean {
  const { rungs, waiting, deadLetters } = family;
  const around = [...rungs.map(({ queue }) => queue), waiting, deadLetters].filter((queue) => queue !== undefined);
  return around.some((queue) => isOurs(queue.name, queue.arguments ?? {}));
}

/** A contract always says how large segments are. */
function isOurStream(found: HeaderTable): boolean {
  return found['x-queue-type'] === 'stream' && found['x-stream-max-segment-size-bytes'] !== undefined;
}
