import type { Logger } from '@surehop/core';
import type { KeyTurn } from '../key-line.ts';
import { markOf } from '../quarantine.ts';
import { LaidAside } from './laid-aside.ts';
import type { WaitingQueue } from './waiting-queue.ts';

/**
 * Deliveries after which a message of the waiting queue is suspect. All of it comes again with each process that dies, and
 * before 4.3 with each that closes in order too: as many as a rolling deployment has processes are to be no sign.
 */
const suspectAfter = 10;

/** How many processes a message may end while it is noted. */
const mostDeaths = 5;

export interface SuspectsOptions {
  readonly queue: string;
  /** Of the work queue; undefined where the broker counts no deliveries. */
  readonly suspectLimit: number | undefined;
  readonly log: Logger;
  /** Something that had to wait may be started. */
  readonly onReady: () => void;
}

/**
 * Messages that may end the process that handles them. To take fewer at once, as without order, is no way out: what a
 * consumer with a smaller prefetch gives back comes behind what it was not handed. So they are laid aside first, out of
 * the reach of the delivery limit, which counts for all that was in hand. Each is then handled alone, and noted before,
 * until it has ended so many processes that it is a dead letter.
 */
export class Suspects {
  readonly #options: SuspectsOptions;
  #queue: WaitingQueue | undefined;
  #alone: KeyTurn | undefined;
  #isNoted = false;

  constructor(options: SuspectsOptions) {
    this.#options = options;
  }

  use(queue: WaitingQueue): void {
    this.#queue = queue;
    this.#alone = undefined;
  }

  isSuspect({ delivery, excused }: KeyTurn): boolean {
    const deliveries = delivery.deliveryCount - excused;
    if (delivery instanceof LaidAside) return delivery.isSuspect || deliveries >= suspectAfter;
    const { suspectLimit } = this.#options;
    return suspectLimit !== undefined && deliveries >= markOf(suspectLimit);
  }

  /**
   * Whether it may be started now. Where it must be noted first, that is begun.
   *
   * @param atWork how many others are under way
   */
  mayStart(turn: KeyTurn, atWork: number): boolean {
    if (this.#alone !== undefined) return this.#alone === turn && this.#isNoted;
    if (!turn.isSuspect || this.isDeadly(turn)) return true;
    const queue = this.#queue;
    if (atWork > 0 || queue?.isRead !== true || (turn.line.laying === turn && queue.flows)) return false;
    this.#alone = turn;
    const { queue: name, log } = this.#options;
    const fields = {
      queue: name,
      messageId: turn.message.properties.messageId,
      deliveryCount: turn.delivery.deliveryCount,
    };
    log.warn(fields, 'a message was delivered often and never settled: it is handled alone');
    // No note of what cannot be laid aside, since it has no id or there is no room, nor while nothing can be stored.
    this.#isNoted = !(turn.delivery instanceof LaidAside && queue.flows);
    if (turn.delivery instanceof LaidAside && queue.flows) queue.note(turn.delivery, () => this.#onNoted(turn));
    return this.#isNoted;
  }

  /** Whether it has ended so many processes that it is not to be tried again. */
  isDeadly({ delivery }: KeyTurn): boolean {
    return delivery instanceof LaidAside && (this.#queue?.notes.deathsOf(delivery.name) ?? 0) >= mostDeaths;
  }

  /** It has come to an end, and this process lives: the broker has to know that before the next one can end it. */
  survived(turn: KeyTurn): void {
    const queue = this.#queue;
    if (this.#alone !== turn || queue === undefined) return;
    this.#isNoted = false;
    if (turn.delivery instanceof LaidAside) queue.notes.forget(turn.delivery.name);
    void queue.received().then(() => {
      if (this.#queue !== queue) return;
      this.#alone = undefined;
      this.#options.onReady();
    });
  }

  #onNoted(turn: KeyTurn): void {
    if (this.#alone !== turn) return;
    this.#isNoted = true;
    this.#options.onReady();
  }
}
