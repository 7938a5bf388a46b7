import type { KeyTurn } from '../key-line.ts';
import { LaidAside } from './laid-aside.ts';
import type { WaitingQueue } from './waiting-queue.ts';

/** Deliveries after which a message of the waiting queue may be what ends its processes: all of it comes again each time. */
const suspectAfter = 3;

/** How many processes it may end while it is noted. */
const mostDeaths = 5;

/**
 * Messages of the waiting queue that may end the process that handles them. No delivery limit ends that: it would hit all
 * that wait there. So each of them is handled alone, and noted before, until it has ended so many processes that it is a
 * dead letter.
 */
export class Suspects {
  readonly #onReady: () => void;
  #queue: WaitingQueue | undefined;
  #alone: KeyTurn | undefined;
  #isNoted = false;

  /** @param onReady something that had to wait may be started */
  constructor(onReady: () => void) {
    this.#onReady = onReady;
  }

  use(queue: WaitingQueue): void {
    this.#queue = queue;
    this.#alone = undefined;
  }

  /**
   * Whether it may be started now. Where it must be noted first, that is begun.
   *
   * @param atWork how many others are under way
   */
  mayStart(turn: KeyTurn, atWork: number): boolean {
    if (this.#alone !== undefined) return this.#alone === turn && this.#isNoted;
    const { delivery, excused } = turn;
    if (!(delivery instanceof LaidAside)) return true;
    // Once suspect, it stays so, whatever it survives: what follows it may be what ends this process.
    turn.isSuspect ??= delivery.deliveryCount - excused >= suspectAfter;
    if (!turn.isSuspect) return true;
    if (this.isDeadly(turn)) return true;
    if (atWork > 0 || this.#queue?.isRead !== true) return false;
    this.#alone = turn;
    this.#queue.note(delivery, () => {
      this.#isNoted = true;
      this.#onReady();
    });
    return false;
  }

  /** Whether it has ended so many processes that it is not to be tried again. */
  isDeadly({ delivery }: KeyTurn): boolean {
    return delivery instanceof LaidAside && (this.#queue?.deathsOf(delivery) ?? 0) >= mostDeaths;
  }

  /** It has come to an end, and this process lives: the broker has to know that before the next one can end it. */
  survived(turn: KeyTurn): void {
    const queue = this.#queue;
    if (this.#alone !== turn || queue === undefined || !(turn.delivery instanceof LaidAside)) return;
    this.#isNoted = false;
    queue.forgetNotes(turn.delivery);
    void queue.received().then(() => {
      if (this.#queue !== queue) return;
      this.#alone = undefined;
      this.#onReady();
    });
  }
}
