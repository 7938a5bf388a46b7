import { defineQueue, type QueueContract } from '@surehop/consumer';
import type { VirtualClock } from '@surehop/testing/internal';
import { History } from '../faults/history.ts';
import { delaysMs, type Plan } from './plan.ts';

export interface Body {
  readonly number: number;
}

export const workQueue = 'orders';
export const deadLetterQueue = 'orders.dead-letter';
/** Where messages wait for an earlier one of their key. */
export const waitingQueue = 'orders.waiting';
/** Where delayed messages end that find no way back, as while their queue is deleted. */
export const delayParking = 'surehop.delay.v1.dead-letter';

const replyQueues = 'surehop.replies.';

export function isReplyQueue(name: string): boolean {
  return name.startsWith(replyQueues);
}

/** Whose it is, by the name of the process. */
export function replyQueueOwner(name: string): string {
  return name.slice(replyQueues.length).replace(/-\d+$/, '');
}

/** What all who take part in a run share: its plan, its time, what has happened and what must not have. */
export class Scene {
  readonly plan: Plan;
  readonly clock: VirtualClock;
  readonly contract: QueueContract<Body>;
  readonly history = new History();
  readonly violations = new Set<string>();
  /** Numbers of messages that no promise has resolved for. */
  readonly unresolved: Set<number>;
  /** Sendings whose process was killed: nobody waits for them any more. */
  readonly excused = new Set<string>();
  /** How often something came up in this run. */
  readonly exercised = new Map<string, number>();
  readonly #onTrace: ((line: string) => void) | undefined;
  #sendings = 0;

  constructor(plan: Plan, clock: VirtualClock, onTrace?: (line: string) => void) {
    this.plan = plan;
    this.clock = clock;
    this.#onTrace = onTrace;
    this.unresolved = new Set(plan.messages.map(({ number }) => number));
    const { type, deliveryLimit, keys = 0 } = plan;
    const limit = type === 'quorum' ? { deliveryLimit } : {};
    this.contract = defineQueue<Body>(workQueue, {
      type,
      ...limit,
      singleActiveConsumer: keys > 0,
      retry: { delaysMs },
    });
  }

  get isTraced(): boolean {
    return this.#onTrace !== undefined;
  }

  /** A new id for one sending of a message: no two are the same. */
  idOf(number: number): string {
    this.#sendings += 1;
    return `${number}.${this.#sendings}`;
  }

  violate(what: string): void {
    this.trace(() => `VIOLATION ${what}`);
    this.violations.add(what);
  }

  exercise(what: string): void {
    this.exercised.set(what, (this.exercised.get(what) ?? 0) + 1);
  }

  /** @param line not made unless somebody traces */
  trace(line: () => string): void {
    this.#onTrace?.(`${this.clock.now().toFixed(0).padStart(7)} ${line()}`);
  }
}
