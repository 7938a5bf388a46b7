import { type Clock, sleep } from '@surehop/core/internal';
import { Pace } from './pace.ts';
import { type CameBack, Ramp, type RampOptions } from './ramp.ts';

export interface TempoOptions {
  readonly ratePerSecond?: number | undefined;
  readonly ramp?: RampOptions | undefined;
}

/** When the next message is replayed: at a rate, on a ramp, or at once. */
export class Tempo {
  readonly #clock: Clock;
  readonly #ratePerSecond: number;
  readonly #rampOptions: RampOptions | undefined;
  readonly #pace = new Pace();
  #ramp: Ramp | undefined;

  constructor(clock: Clock, { ratePerSecond, ramp }: TempoOptions) {
    this.#clock = clock;
    this.#ratePerSecond = ratePerSecond ?? Number.POSITIVE_INFINITY;
    this.#rampOptions = ramp;
  }

  /** Which step of the ramp it is; 0 without one. */
  get step(): number {
    return this.#ramp?.step ?? 0;
  }

  /**
   * Resolves to true when the next one may go; to false when too many came back.
   *
   * @param cameBack asked at the end of a step
   * @throws the signal's reason
   */
  async turn(cameBack: () => Promise<CameBack>, signal: AbortSignal): Promise<boolean> {
    if (this.#rampOptions !== undefined) this.#ramp ??= new Ramp(this.#rampOptions, this.#clock.now());
    for (;;) {
      const now = this.#clock.now();
      const ramp = this.#ramp;
      if (ramp?.leftMs(now) === 0) {
        if (!ramp.next(await cameBack(), this.#clock.now())) return false;
        continue;
      }
      const waitMs = this.#pace.waitMs(now);
      if (waitMs === 0) {
        this.#pace.take(now, Math.min(this.#ratePerSecond, ramp?.perSecond ?? Number.POSITIVE_INFINITY));
        ramp?.sent();
        return true;
      }
      await sleep(this.#clock, Math.min(waitMs, ramp?.leftMs(now) ?? waitMs), signal);
    }
  }
}
