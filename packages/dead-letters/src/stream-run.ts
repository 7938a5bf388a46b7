import type { OutgoingMessage } from '@surehop/core/internal';
import { passCopy } from './copies.ts';
import type { CopyResult } from './copy-lane.ts';
import type { DeadMessage } from './dead-message.ts';
import { readDeadMessage } from './dead-message-reading.ts';
import type { Desk } from './desk.ts';
import { Doubts } from './doubts.ts';
import type { Action } from './fate.ts';
import { type Held, type Holding, mostHeld } from './holding.ts';
import { replayHeaders } from './replay-headers.ts';
import { mayComeYet, missingForMs, type Run, type RunEnd } from './run.ts';
import { inSessions } from './session.ts';

export interface StreamRunOptions {
  /** A pass: everything that is not acted on goes to the tail. Else it stays where it is. */
  readonly isPass: boolean;
  /** So many are acted on at the most. */
  readonly limit: number;
  /** So many are looked at at the most. */
  readonly lookAtMost?: number | undefined;
  /** The most deliveries that are taken ahead. */
  readonly mostAhead?: number;
  /** Asked before each copy to another queue; false ends the run. */
  readonly turn?: (holding: Holding, readyAtFirst: number) => Promise<boolean>;
}

/** So many are taken ahead at the most, where nothing else is asked for. */
const usuallyAhead = 500;
/** So many acknowledgements may be on their way when the broker is lost, and more. */
const mostInDoubt = 2_000;
/** So many are sent to the tail together. */
const mostToRotate = 128;

/** A message at hand. */
interface Taken {
  readonly holding: Holding;
  readonly held: Held;
  readonly dead: DeadMessage;
}

/** A message that is not taken out of the queue. */
interface Left extends Taken {
  readonly isMatch: boolean;
  /** Why nothing could be done with it. */
  readonly why?: string;
}

/** Goes through the messages of a queue from its head, as they are delivered, and acts on each. */
export class StreamRun {
  readonly #desk: Desk;
  readonly #action: Action;
  readonly #run: Run;
  readonly #options: StreamRunOptions;
  readonly #doubts = new Doubts(mostInDoubt);
  /** How many there are to be looked at: what comes after them was not there when the run began. */
  #bound: number | undefined;
  /** How many were ready when the present channel was opened. */
  #readyAtFirst = 0;
  /** To be sent to the tail, in their order. */
  #toRotate: Left[] = [];
  /** Those that are acted on and not done with: they count towards the limit. */
  #underWay = 0;

  constructor(desk: Desk, action: Action, run: Run, options: StreamRunOptions) {
    this.#desk = desk;
    this.#action = action;
    this.#run = run;
    this.#options = options;
  }

  run(): Promise<RunEnd> {
    const { mostAhead = usuallyAhead } = this.#options;
    const options = { doubts: this.#doubts, doubtedWithin: mostInDoubt, holding: { streams: true, mostAhead } };
    return inSessions(this.#desk, this.#run, options, (taken) => this.#session(taken));
  }

  /** Until the end, or until the broker is lost. */
  async #session(holding: Holding): Promise<RunEnd> {
    const { tally } = this.#run;
    this.#toRotate = [];
    this.#underWay = 0;
    this.#action.forget?.();
    this.#readyAtFirst = await holding.ready();
    this.#bound ??= Math.min(this.#readyAtFirst, this.#options.lookAtMost ?? Number.POSITIVE_INFINITY);
    tally.total ??= this.#bound;
    const end = await this.#serve(holding);
    await this.#rotateAll();
    return end;
  }

  async #serve(holding: Holding): Promise<RunEnd> {
    const { signal, tally, run, isResumed } = this.#run;
    const { isPass, limit } = this.#options;
    let marked = 0;
    for (;;) {
      if (this.#toRotate.length >= mostToRotate || !holding.hasNext) await this.#rotateAll();
      if (tally.looked + marked >= (this.#bound ?? 0)) return 'end';
      if (signal.aborted || holding.size >= mostHeld) return 'cut';
      if (tally.done + this.#underWay >= limit) return 'cut';
      const held = await holding.take();
      if (held === undefined) {
        // Fewer than there were: a channel that was lost has them still, or somebody took them.
        if (await mayComeYet(this.#run, this.#desk.internals, missingForMs)) continue;
        return this.#run.backAt === undefined ? 'end' : 'cut';
      }
      const { message } = held;
      if (isPass && message.headers[replayHeaders.pass] === run) {
        if (isResumed) return 'end';
        // By its priority it came before such as have not had their turn. Or somebody else took some of these.
        marked += 1;
        continue;
      }
      const dead = readDeadMessage(message, this.#desk.queue);
      // Before everything was seen that was there at the beginning: somebody's clock stands elsewhere.
      if (this.#action.isNewer?.(dead) === true) return 'cut';
      if (this.#doubts.isAgain(message)) {
        this.#settle({ holding, held });
        continue;
      }
      tally.look();
      if (!(await this.#handle({ holding, held, dead }))) return 'cut';
    }
  }

  /** False when the run is to end before this message. */
  async #handle(taken: Taken): Promise<boolean> {
    const { tally, lane, signal } = this.#run;
    const { holding, dead } = taken;
    if (!this.#action.matches(dead)) {
      this.#leave({ ...taken, isMatch: false });
      return true;
    }
    tally.match();
    const fate = await this.#action.fate(dead);
    if (fate.kind === 'copy') {
      if ((await this.#options.turn?.(holding, this.#readyAtFirst)) === false) return false;
      await lane.room(signal);
      this.#underWay += 1;
      lane.send(fate.copy, (result) => this.#onCopied(taken, fate.copy, result));
    } else if (fate.kind === 'go') {
      this.#settle(taken);
      tally.settle(true, true);
    } else {
      this.#leave({ ...taken, isMatch: true, ...(fate.kind === 'skip' && { why: fate.why }) });
    }
    return true;
  }

  #onCopied(taken: Taken, copy: OutgoingMessage, result: CopyResult): void {
    const { tally } = this.#run;
    if (!result.stored && this.#options.isPass) {
      this.#rotate({ ...taken, isMatch: true, why: result.why });
      return;
    }
    this.#underWay -= 1;
    if (result.stored) {
      this.#settle(taken);
      tally.settle(true, true);
      this.#action.onStored?.(taken.dead, copy);
    } else {
      tally.skip(taken.dead.id, result.why);
    }
  }

  /** Nothing is done with it, or nothing that takes it away: in a pass it goes to the tail, else it is given back at the end. */
  #leave(one: Left): void {
    const { dead, why, isMatch } = one;
    if (this.#options.isPass) {
      if (isMatch) this.#underWay += 1;
      this.#toRotate.push(one);
    } else if (why !== undefined) this.#run.tally.skip(dead.id, why);
    else if (isMatch) this.#run.tally.doneLying();
  }

  async #rotateAll(): Promise<void> {
    if (this.#toRotate.length === 0) return;
    await this.#action.flush?.();
    for (const one of this.#toRotate) {
      await this.#run.lane.room(this.#run.signal);
      this.#rotate(one);
    }
    this.#toRotate = [];
  }

  #rotate(one: Left): void {
    const { tally, lane, run } = this.#run;
    const { dead, why, isMatch } = one;
    const stay = (reason: string): void => {
      if (isMatch) this.#underWay -= 1;
      tally.skip(dead.id, reason);
      this.#action.onLeft?.(dead);
    };
    const attempt = passCopy(dead, run, { frameMax: lane.frameMax, newId: this.#desk.internals.effects.newId });
    if ('why' in attempt) {
      stay(why ?? attempt.why);
      return;
    }
    lane.send(attempt.copy, (result) => {
      if (!result.stored) {
        stay(why ?? result.why);
        return;
      }
      if (isMatch) this.#underWay -= 1;
      this.#settle(one);
      if (why === undefined) tally.settle(isMatch, isMatch);
      else tally.settleSkipped(dead.id, why);
      this.#action.onLeft?.(dead);
    });
  }

  /** Does nothing for the broker where the channel is lost: the message comes again, and is known then. */
  #settle({ holding, held }: Pick<Taken, 'holding' | 'held'>): void {
    holding.ack(held);
    this.#doubts.settled(held.message);
  }
}
