import type { Cancel } from '@surehop/core/internal';
import type { BrokerTime } from './broker-time.ts';
import type { Entry } from './message.ts';
import type { QueueSettings } from './queue-settings.ts';

/** Messages that failed, and that their queue hands out again only after a while. */
export class KeptBack {
  readonly #time: BrokerTime;
  readonly #onOver: (entry: Entry) => void;
  readonly #cancels = new Map<Entry, Cancel>();

  constructor(time: BrokerTime, onOver: (entry: Entry) => void) {
    this.#time = time;
    this.#onOver = onOver;
  }

  get entries(): Iterable<Entry> {
    return this.#cancels.keys();
  }

  /** False when the queue keeps nothing back. */
  keep(entry: Entry, settings: QueueSettings['delayedRetry']): boolean {
    if (settings === undefined) return false;
    const waitMs = Math.min(settings.maxMs, settings.minMs * Math.max(1, entry.deliveryCount));
    const over = (): void => {
      if (this.#cancels.delete(entry)) this.#onOver(entry);
    };
    this.#cancels.set(entry, this.#time.after(waitMs, over));
    return true;
  }

  removeAll(): Entry[] {
    const all = [...this.#cancels.keys()];
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
    return all;
  }
}
