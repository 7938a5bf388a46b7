import type { HeaderTable } from '@surehop/core';
import { deadLetterName, delayEntrance, placeInDelays, retryExchangeName } from '@surehop/core/internal';

/** A queue and what contracts derive from its name. The delay network is one too, with its levels as rungs and no work queue. */
export interface Family<Q> {
  /** Of the work queue, whether it is there or not. */
  readonly name: string;
  readonly work: Q | undefined;
  /** Shortest delay first. */
  readonly rungs: readonly Rung<Q>[];
  readonly deadLetters: Q | undefined;
}

export interface Rung<Q> {
  readonly delayMs: number;
  readonly queue: Q;
}

export type Role = 'work' | 'rung' | 'dead-letter';

interface Place {
  readonly family: string;
  readonly role: Role;
  readonly delayMs: number;
}

/** Which part of which family a queue of this name is. */
export function placeOf(name: string): Place {
  const delays = placeInDelays(name);
  if (delays?.part === 'level') return { family: delayEntrance, role: 'rung', delayMs: delays.delayMs };
  const [, base, delay] = /^(.+)\.retry\.(\d{1,10})$/s.exec(name) ?? [];
  if (base !== undefined) return { family: base, role: 'rung', delayMs: Number(delay) };
  const ending = deadLetterName('');
  if (name.length > ending.length && name.endsWith(ending)) {
    return { family: name.slice(0, -ending.length), role: 'dead-letter', delayMs: 0 };
  }
  return { family: name, role: 'work', delayMs: 0 };
}

/** Puts together what belongs together, by names alone, in the order of names. A queue with nothing around it is a family as well. */
export function familiesOf<Q extends { readonly name: string }>(queues: readonly Q[]): Family<Q>[] {
  const byName = new Map<string, { work?: Q; rungs: Rung<Q>[]; deadLetters?: Q }>();
  for (const queue of queues) {
    const { family, role, delayMs } = placeOf(queue.name);
    const parts = byName.get(family) ?? { rungs: [] };
    byName.set(family, parts);
    if (role === 'rung') parts.rungs.push({ delayMs, queue });
    else if (role === 'work') parts.work = queue;
    else parts.deadLetters = queue;
  }
  return [...byName]
    .map(([name, { work, rungs, deadLetters }]) => ({
      name,
      work,
      rungs: rungs.toSorted((one, other) => one.delayMs - other.delayMs),
      deadLetters,
    }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** Whether a queue is not only named but also declared as a contract does it. Nobody else's is ever touched. */
export function isOurs(name: string, found: HeaderTable): boolean {
  const { family, role, delayMs } = placeOf(name);
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
export function isOurFamily({ deadLetters, rungs }: Family<{ name: string; arguments?: HeaderTable }>): boolean {
  const around = [...(deadLetters === undefined ? [] : [deadLetters]), ...rungs.map(({ queue }) => queue)];
  return around.some((queue) => isOurs(queue.name, queue.arguments ?? {}));
}

/** A contract always says how large segments are. */
function isOurStream(found: HeaderTable): boolean {
  return found['x-queue-type'] === 'stream' && found['x-stream-max-segment-size-bytes'] !== undefined;
}
