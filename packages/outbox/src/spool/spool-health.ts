import type { PublisherHealth } from '@surehop/core';
import type { Damage } from './damage.ts';

/** What is known of a spool now, from memory. Also in the connection's `health().publishers`. */
export interface SpoolHealth extends PublisherHealth {
  readonly file: string;
  /**
   * `forwarding`: what is accepted is sent. `waiting`: the broker is not there, or blocks; messages stay in the file.
   * `failed`: the file cannot be used any more; open the spool anew.
   */
  readonly phase: 'forwarding' | 'waiting' | 'failed' | 'closing' | 'closed';
  /** Messages accepted and not with the broker, set-aside ones not counted. */
  readonly depth: number;
  /** Of these, bodies and headers. */
  readonly depthBytes: number;
  /** How long the oldest of them has waited, in milliseconds; 0 where there is none. */
  readonly oldestMs: number;
  /** Over the last ten seconds. */
  readonly sentPerSecond: number;
  /** Of `depth`: refused by the broker, to be tried again. */
  readonly retrying: number;
  readonly setAside: number;
  /** Commits to the disk since the spool was opened: many messages share one. */
  readonly commits: number;
  /** Why the file could not be written, last; undefined once it could again. */
  readonly writeError: string | undefined;
  /** What was found damaged since the spool was opened. */
  readonly damage: readonly Damage[];
}
