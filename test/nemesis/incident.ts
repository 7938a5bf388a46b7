import type { FaultName } from './fault-kinds.ts';

/** A fault as it came. */
export interface Incident {
  readonly name: FaultName;
  /** Milliseconds since the Unix epoch: when it was in effect. */
  readonly beganAt: number;
  /** When everything was as before. */
  readonly healedAt: number;
  /** Names of the processes whose service it should not, or only meanwhile, have taken away. */
  readonly struck: readonly string[];
}

/** A fault that was planned and did not come, and why. */
export interface Omission {
  readonly name: FaultName;
  readonly why: string;
}
