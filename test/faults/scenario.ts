import type { Capabilities } from '@surehop/testing';
import type { Figures } from './figures.ts';
import type { Stage } from './stage.ts';

export type QueueKind = 'quorum' | 'classic';

/** One fault, put into a running exchange of messages, and what has to hold then. */
export interface Scenario {
  /** Unique; what the command line calls it. */
  readonly name: string;
  /** What befalls, in a few words, for people who use the SDK. */
  readonly situation: string;
  /** What the broker at hand must allow. A scenario that needs more is left out, and told of. */
  readonly needs?: readonly (keyof Capabilities)[];
  /**
   * Nodes of the cluster it runs on.
   * @default 1
   */
  readonly nodes?: 1 | 3;
  /**
   * Types of the work queue between which it makes a difference.
   * @default ['quorum']
   */
  readonly types?: readonly QueueKind[];
  /** Takes minutes: run with `--long` only. */
  readonly longOnly?: true;
  /** Whether a message may be handled twice. `none` is checked. */
  readonly duplicates: 'none' | 'possible';
  /** Starts traffic, does harm, mends it, and measures. Throws when something does not hold that it alone can know. */
  run(stage: Stage): Promise<Figures>;
}
