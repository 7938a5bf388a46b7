import type { Workload } from './workloads.ts';

export type QueueKind = 'quorum' | 'classic';

/** What is measured of each library, round by round, before the next is. */
export interface Cell {
  readonly workload: Workload;
  /** Undefined where there are no queues: on the null broker. */
  readonly queueType: QueueKind | undefined;
  readonly bodyBytes: number;
}
