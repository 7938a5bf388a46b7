import type { Clock } from '@surehop/core/internal';
import type { KeyLine, KeyTurn } from '../key-line.ts';
import type { LaidAside } from './laid-aside.ts';
import type { WaitingQueue } from './waiting-queue.ts';

export interface LayingAsideOptions {
  /** How many messages may wait in hand for a first one of their key that waits for its time, or for `release()`. */
  readonly mostHeld: number;
  /** How many may be in the waiting queue. */
  readonly mostWaiting: number;
  readonly clock: Clock;
}

/**
 * Keeps few messages of keys that wait in hand: beyond that, the messages of a key go to the waiting queue, the first one
 * first and each only once the one before it is stored. So it holds for each key, whoever dies when, that what is in the
 * waiting queue comes before what the work queue has.
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
    const queue = this.#queue;
    if (held === 0 || this.#held <= mostHeld || line.laying !== undefined) return;
    if (turn === undefined || queue === undefined || queue.size >= mostWaiting) return;
    const { delivery, message, readyAt } = turn;
    const notBefore = readyAt === undefined ? undefined : clock.epochMs() + readyAt - clock.now();
    if (queue.lay(delivery, message, notBefore, (laid) => this.#onEnd(turn, laid))) line.laying = turn;
  }

  #onEnd(turn: KeyTurn, laid: LaidAside | undefined): void {
    const { line } = turn;
    if (line.laying === turn) line.laying = undefined;
    if (laid === undefined) return;
    if (turn.isAtWork || line.turns.at(line.laid) !== turn) {
      laid.settle('ack'); // its time came first
      return;
    }
    const original = turn.delivery;
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
