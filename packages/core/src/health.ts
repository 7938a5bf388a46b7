import type { LinkState } from './link-state.ts';

export interface LinkHealth {
  readonly phase: LinkState['phase'];
  /** `host:port` of the broker in use; undefined while there is none. */
  readonly host: string | undefined;
  /** `unknown` until the broker has confirmed something: it announces an alarm only after the first publish. Counts as ready. */
  readonly blocked: boolean | 'unknown';
}

export interface PublisherHealth {
  /** Messages accepted and not settled: written, or kept to be written. */
  readonly unconfirmed: number;
  /** Calls that wait for room. */
  readonly waiting: number;
  /** How long the broker has confirmed nothing although something is due, in milliseconds. */
  readonly stalledMs: number;
}

export interface ConsumerHealth {
  readonly queue: string;
  readonly phase: 'subscribing' | 'consuming' | 'paused' | 'closing' | 'closed';
  /** Deliveries taken and not settled. */
  readonly inHand: number;
  /** True while messages are taken one at a time, since one of them may have killed a consumer. */
  readonly quarantine: boolean;
  /** Handlers that ran past their time limit and have not returned. */
  readonly stuckHandlers: number;
  /**
   * Retries and dead letters that were tried and not stored, and are tried again. Each keeps its original unacknowledged,
   * in one place of the prefetch: once all places are taken, nothing more is handled.
   */
  readonly unstoredCopies: number;
}

/** Hands over what an outbox holds. Its figures are those of the last look at the store, some seconds old. */
export interface RelayHealth {
  /** Which store it empties, for example `surehop` (the schema). */
  readonly store: string;
  readonly phase: 'running' | 'waiting for the store' | 'waiting for the broker' | 'closed';
  /** Messages that wait to be sent, set aside ones left out. Counted up to 100_000: that many means "or more". */
  readonly depth: number;
  /** How long the oldest of them has waited, in milliseconds; 0 when none waits. */
  readonly oldestMs: number;
  /** Messages confirmed by the broker, of this relay, over the last 10 seconds. */
  readonly sentPerSecond: number;
  /** Messages that failed for good and wait for a person. Counted up to 100_000. */
  readonly setAside: number;
}

export type EntityState =
  | 'declared'
  | 'compared'
  | 'exists, not compared'
  | 'created anew'
  | 'under-replicated'
  | 'mismatch';

export interface EntityHealth {
  /** Kind and name, for example `queue "orders"`. */
  readonly entity: string;
  readonly state: EntityState;
}

/** From memory, at once. */
export interface Health {
  /** `down`: a link is not open. `degraded`: open, but something does not flow or is not as declared. */
  readonly status: 'ok' | 'degraded' | 'down';
  readonly links: { readonly publish: LinkHealth; readonly consume: LinkHealth };
  readonly publishers: readonly PublisherHealth[];
  readonly consumers: readonly ConsumerHealth[];
  readonly relays: readonly RelayHealth[];
  readonly topology: readonly EntityHealth[];
}

/** What is degraded, short of a link being down. */
export function healthStatus(parts: Omit<Health, 'status'>, stallMs: number): Health['status'] {
  const { publish, consume } = parts.links;
  if (publish.phase !== 'open' || consume.phase !== 'open') return 'down';
  const degraded =
    publish.blocked === true ||
    parts.publishers.some(({ stalledMs }) => stalledMs >= stallMs) ||
    parts.consumers.some(
      ({ phase, quarantine, stuckHandlers, unstoredCopies }) =>
        phase === 'subscribing' || quarantine || stuckHandlers > 0 || unstoredCopies > 0,
    ) ||
    parts.relays.some(({ phase }) => phase !== 'running') ||
    parts.topology.some(
      ({ state }) => state === 'created anew' || state === 'under-replicated' || state === 'mismatch',
    );
  return degraded ? 'degraded' : 'ok';
}
