import { delayEntrance, delayParking, placeInDelays } from '@surehop/core/internal';
import type { QueueView } from '../management-views.ts';

/** What is in one queue of the delay network. */
export interface Waiting {
  readonly queue: string;
  /** A power of two of the resolution, what waits to get into an exchange, and what found nobody. */
  readonly part: 'level' | 'exchange' | 'laid aside';
  /** Of a level, how long it keeps each message, in milliseconds. */
  readonly delayMs?: number;
  /** The exchange that its messages go to. */
  readonly exchange?: string;
  readonly messages: number;
  /** Of these, the ones whose time is up and that the next queue has not taken. */
  readonly held: number;
}

export interface DelayReport {
  /** Whether there is a delay network in the virtual host. */
  readonly isThere: boolean;
  /** On levels: each is counted once, wherever it is on its way. */
  readonly waiting: number;
  /** Found nobody at the end, and wait for a person. */
  readonly laidAside: number;
  /** Shortest delay first, then exchanges, then what was laid aside. Levels without messages are left out. */
  readonly queues: readonly Waiting[];
}

export function waitingIn(views: readonly QueueView[]): DelayReport {
  const all = views.flatMap(waitingOf).toSorted((one, other) => rankOf(one) - rankOf(other));
  const sum = (part: Waiting['part']): number =>
    all.reduce((total, one) => total + (one.part === part ? one.messages : 0), 0);
  return {
    isThere: all.length > 0,
    waiting: sum('level'),
    laidAside: sum('laid aside'),
    queues: all.filter(({ messages }) => messages > 0),
  };
}

function waitingOf({ name, messages = 0, messages_dlx: held = 0 }: QueueView): Waiting[] {
  if (!name.startsWith(delayEntrance)) return [];
  const counts = { queue: name, messages, held };
  if (name === delayParking) return [{ part: 'laid aside', ...counts }];
  const place = placeInDelays(name);
  return place === undefined ? [] : [{ ...place, ...counts }];
}

function rankOf({ part, delayMs = 0 }: Waiting): number {
  return part === 'level' ? delayMs : Number.MAX_SAFE_INTEGER - (part === 'exchange' ? 1 : 0);
}
