export interface RampOptions {
  /** Messages per second, one step after the other; the last one is kept. @default [1, 2, 5, 20, 100, 500] */
  readonly stepsPerSecond?: readonly number[];
  /**
   * How long each step lasts, in milliseconds. Retries delay the coming back: a step should last longer than all delays of
   * the target queue together, or its failures show only in a later one.
   * @default 10_000
   */
  readonly stepMs?: number;
  /** Above it the replay stops: the share of those that came back dead, of a step or of all, in [0, 1]. @default 0.5 */
  readonly maxFailedShare?: number;
}

export const rampDefaults: Required<RampOptions> = {
  stepsPerSecond: [1, 2, 5, 20, 100, 500],
  stepMs: 10_000,
  maxFailedShare: 0.5,
};

/** How many came back dead: of those that were sent in the present step, and of all. */
export interface CameBack {
  readonly inStep: number;
  readonly inAll: number;
}

/** Goes from step to step as long as few enough come back. Pure: the time is given. */
export class Ramp {
  readonly #steps: readonly number[];
  readonly #stepMs: number;
  readonly #maxFailedShare: number;
  #step = 0;
  #stepEndsAt: number;
  #sentInStep = 0;
  #sentInAll = 0;

  constructor(options: RampOptions, now: number) {
    const { stepsPerSecond, stepMs, maxFailedShare } = rampDefaults;
    this.#steps = options.stepsPerSecond ?? stepsPerSecond;
    this.#stepMs = options.stepMs ?? stepMs;
    this.#maxFailedShare = options.maxFailedShare ?? maxFailedShare;
    this.#stepEndsAt = now + this.#stepMs;
  }

  /** Counts on, also when the last step is repeated. */
  get step(): number {
    return this.#step;
  }

  get perSecond(): number {
    return this.#steps[Math.min(this.#step, this.#steps.length - 1)] as number;
  }

  /** How much of the step is left, in milliseconds; 0 when it is over. */
  leftMs(now: number): number {
    return Math.max(0, this.#stepEndsAt - now);
  }

  sent(): void {
    this.#sentInStep += 1;
    this.#sentInAll += 1;
  }

  /** False when too many came back; else the next step begins. */
  next({ inStep, inAll }: CameBack, now: number): boolean {
    const tooMany = (cameBack: number, sent: number): boolean => sent > 0 && cameBack / sent > this.#maxFailedShare;
    if (tooMany(inStep, this.#sentInStep) || tooMany(inAll, this.#sentInAll)) return false;
    this.#step += 1;
    this.#stepEndsAt = now + this.#stepMs;
    this.#sentInStep = 0;
    return true;
  }
}
