import type { Clock } from '@surehop/core/internal';
import type { KeyLine, KeyTurn } from '../key-line.ts';
import type { LaidAside } from './laid-aside.ts';
import type { WaitingQueue } from './waiting-queue.ts';

export interface LayingAsideOptions {
  /** How many messages may wait in hand for a first one of their key that waits for its time, or for `release()`. */
  readonly mostHeld: number;
  /** How many may be in the waiting queue, those not counted that are suspect. */
  readonly mostWaiting: number;
  readonly clock: Clock;
  /** Something that had to wait may be started. */
  readonly onReady: () => void;
}

/** So many may be in the waiting queue, suspects included: all of it must fit into the largest prefetch, 65,535. */
const mostSuspect = 60_000;

/**
 * Keeps few messages of keys that wait in hand, and none that is suspect: beyond that, the messages of a key go to the
 * waiting queue, the first one first and each only once the one before it is stored. So it holds for each key, whoever
 * dies when, that what is in the waiting queue comes before what the work queue has.
 */
export class LayingAside {
  readonly #options: LayingAsideOptions;
  #queue: WaitingQueue | undefined;
  #held = 0;

  constructor(options: LayingAsideOptions) {
    this.#options = options;
  }

  use(queue: WaitingQueue): void {
    this.#queue = queue;
  }

  /** A line has got longer or shorter, or has another state. */
  changed(line: KeyLine): void {
    const { mostHeld, mostWaiting, clock } = this.#options;
    const mustWait = line.state === 'delayed' || line.state === 'halted';
    const held = mustWait ? line.turns.size - line.laid : 0;
    this.#held += held - line.held;
    line.held = held;
    const turn = line.turns.at(line.laid);
    if (turn === undefined || turn.isAtWork || line.laying !== undefined) return;
    const queue = this.#queue;
    const mustBeLaid = held > 0 && this.#held > mostHeld && queue !== undefined && queue.size < mostWaiting;
    if (queue === undefined || !(mustBeLaid || (turn.isSuspect && queue.size < mostSuspect))) return;
    const { readyAt } = turn;
    const notBefore = readyAt === undefined ? undefined : clock.epochMs() + readyAt - clock.now();
    if (queue.lay(turn, notBefore, (laid) => this.#onEnd(turn, laid))) line.laying = turn;
  }

  #onEnd(turn: KeyTurn, laid: LaidAside | undefined): void {
    const { line } = turn;
    if (line.laying === turn) line.laying = undefined;
    if (laid !== undefined) this.#take(turn, laid);
    this.#options.onReady();
  }

  /** The copy takes the place of its original. */
  #take(turn: KeyTurn, laid: LaidAside): void {
    const { line, delivery: original } = turn;
    if (turn.isAtWork || line.turns.at(line.laid) !== turn) {
      laid.settle('ack'); // its time came first
      return;
    }
    original.turn = undefined;
    turn.delivery = laid;
    laid.turn = turn;
    turn.isLaid = true;
    turn.excused = 0;
    line.laid += 1;
    original.settle('ack');
    this.changed(line);
  }
}
