import type { Cancel } from '@surehop/core/internal';
import type { BrokerTime } from './broker-time.ts';
import type { ExpiringQueue } from './queue-surroundings.ts';

/** Deletes each queue that nobody has used for as long as its `x-expires` says. */
export class QueueExpiry {
  readonly #time: BrokerTime;
  readonly #onExpired: (name: string) => void;
  readonly #timers = new WeakMap<ExpiringQueue, Cancel>();

  constructor(time: BrokerTime, onExpired: (name: string) => void) {
    this.#time = time;
    this.#onExpired = onExpired;
  }

  /** It was declared, again perhaps, or asked for a message, or its consumers have changed, or it is up again. */
  used(queue: ExpiringQueue): void {
    this.#timers.get(queue)?.();
    const { 'x-expires': expiresMs } = queue.arguments;
    if (typeof expiresMs !== 'number' || queue.isDeleted || queue.consumers > 0) return;
    const expire = (): void => {
      if (!queue.isDeleted && queue.consumers === 0) this.#onExpired(queue.name);
    };
    this.#timers.set(queue, this.#time.after(expiresMs, expire));
  }
}
