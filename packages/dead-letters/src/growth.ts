import { type Clock, sleep } from '@surehop/core/internal';
import type { Holding } from './holding.ts';
import type { CameBack } from './ramp.ts';
import type { Run } from './run.ts';

/** What was acknowledged is delivered anew and counted by then, in milliseconds. */
const quietMs = 100;

/**
 * By how much a queue has grown beside what was taken out of it: so many messages came in. Where a replay cannot look at
 * them, it takes them for its own that came back.
 */
export class Growth {
  readonly #clock: Clock;
  readonly #run: Run;
  #holding: Holding | undefined;
  #doneBefore = 0;
  #before = 0;
  #now = 0;
  #atStep = 0;

  constructor(clock: Clock, run: Run) {
    this.#clock = clock;
    this.#run = run;
  }

  /** As it was last seen; 0 where nobody asked. */
  get seen(): number {
    return this.#now;
  }

  /** Asked at the end of each step. */
  async since(holding: Holding, readyAtFirst: number): Promise<CameBack> {
    await sleep(this.#clock, quietMs, this.#run.signal);
    const { tally } = this.#run;
    if (holding !== this.#holding) {
      // What came in while the broker was away counts for nobody.
      if (this.#holding !== undefined) this.#doneBefore = tally.done;
      this.#holding = holding;
      this.#before = this.#now;
    }
    const expected = readyAtFirst - (tally.done - this.#doneBefore);
    const present = (await holding.ready()) + holding.delivered;
    this.#now = Math.max(this.#now, this.#before + present - expected);
    const cameBack = { inStep: this.#now - this.#atStep, inAll: this.#now };
    this.#atStep = this.#now;
    return cameBack;
  }
}
