import { createHash } from 'node:crypto';
import type { Ledger } from './ledger.ts';

/** When the faults strike: once so many events were tried, which every run reaches. */
export interface FaultPlan {
  /** Every connection is cut. */
  readonly cutAt: number;
  /** The consumer process is killed. */
  readonly killAt: number;
}

/** Pure: one strikes in the second third of the way, before its middle, the other after; the seed decides which is which. */
export function planFaults(events: number, seed: number): FaultPlan {
  const hash = createHash('sha256').update(`faults ${seed}`).digest();
  const between = (from: number, to: number, offset: number): number => {
    const share = from + (to - from) * (hash.readUInt32BE(offset) / 2 ** 32);
    return Math.max(1, Math.round(events * share));
  };
  const [early, late] = [between(0.34, 0.45, 0), between(0.55, 0.66, 4)];
  return hash.readUInt8(8) % 2 === 0 ? { cutAt: early, killAt: late } : { cutAt: late, killAt: early };
}

export interface FaultActions {
  cutConnections(): void;
  killConsumer(): Promise<void>;
}

/** Carries out a plan, each fault once. */
export class Faults {
  readonly #plan: FaultPlan;
  readonly #actions: FaultActions;
  #cut = false;
  #killing: Promise<void> | undefined;
  #isRestarting = false;

  constructor(plan: FaultPlan, actions: FaultActions) {
    this.#plan = plan;
    this.#actions = actions;
  }

  /** To be called whenever the ledger has changed. */
  observe(ledger: Pick<Ledger, 'tried'>): void {
    if (!this.#cut && ledger.tried >= this.#plan.cutAt) {
      this.#cut = true;
      this.#actions.cutConnections();
    }
    if (this.#killing === undefined && ledger.tried >= this.#plan.killAt) {
      this.#isRestarting = true;
      this.#killing = this.#actions.killConsumer().finally(() => {
        this.#isRestarting = false;
      });
    }
  }

  /** From the kill until what was killed runs again. */
  get isRestarting(): boolean {
    return this.#isRestarting;
  }

  get struck(): boolean {
    return this.#cut && this.#killing !== undefined;
  }

  /** Resolves when what was killed runs again. */
  async overcome(): Promise<void> {
    await this.#killing;
  }
}
