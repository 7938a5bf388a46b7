import type { QueueView } from '../management-views.ts';

/** What came and went since a queue began. */
interface Counters {
  readonly came: number;
  readonly went: number;
}

interface Look {
  readonly at: number;
  /** Of the queues that have counters. */
  readonly counters: ReadonlyMap<string, Counters>;
}

export interface Rates {
  /** Messages per second; undefined while it is not known. */
  readonly inPerSecond: number | undefined;
  readonly outPerSecond: number | undefined;
}

/**
 * Over how much time rates are taken, in milliseconds. The broker renews its counters every 5 s: over less, a rate would
 * jump between nothing and too much.
 */
const windowMs = 10_000;

/** Rates from the differences of counters between looks. */
export class RateWindow {
  #looks: Look[] = [];

  /** @param at when it was looked, in milliseconds of any clock that does not jump */
  add(at: number, queues: readonly QueueView[]): void {
    const counters = new Map(queues.flatMap((queue) => countersOf(queue)));
    const firstWithin = this.#looks.findIndex((look) => look.at > at - windowMs);
    // One from before the window stays, so that the window is full.
    const kept = firstWithin === -1 ? this.#looks.slice(-1) : this.#looks.slice(Math.max(0, firstWithin - 1));
    this.#looks = [...kept, { at, counters }];
  }

  of(queue: string): Rates {
    const now = this.#looks.at(-1);
    const last = now?.counters.get(queue);
    if (now === undefined || last === undefined) return unknown;
    const first = this.#sinceReset(queue, last);
    const before = first?.counters.get(queue);
    if (first === undefined || before === undefined || first.at >= now.at) return unknown;
    const seconds = (now.at - first.at) / 1_000;
    return { inPerSecond: (last.came - before.came) / seconds, outPerSecond: (last.went - before.went) / seconds };
  }

  /** The earliest look from which on the counters only grew: a queue that was made anew begins at nothing. */
  #sinceReset(queue: string, last: Counters): Look | undefined {
    let next = last;
    let earliest: Look | undefined;
    for (const look of this.#looks.slice(0, -1).toReversed()) {
      const counters = look.counters.get(queue);
      if (counters === undefined || counters.came > next.came || counters.went > next.went) break;
      earliest = look;
      next = counters;
    }
    return earliest;
  }
}

const unknown: Rates = { inPerSecond: undefined, outPerSecond: undefined };

/** A queue has no counters before anything happened, and none where the broker keeps no statistics. */
function countersOf({ name, message_stats: stats }: QueueView): [string, Counters][] {
  if (stats === undefined) return [];
  const { publish = 0, ack = 0, deliver_no_ack: noAck = 0, get_no_ack: got = 0 } = stats;
  return [[name, { came: publish, went: ack + noAck + got }]];
}
