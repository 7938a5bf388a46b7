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
  /**
   * Calls of `publishAndWait` that are not settled, whether their message is stored already or not. They wait for handlers
   * elsewhere, so that their number says nothing of this publisher's own readiness.
   */
  readonly awaitedAnswers: number;
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
  /** Given, and true, while it is paused at a gap in a sequence, until somebody calls its `resume()`. */
  readonly halted?: true;
  /** Only of a consumer with `orderBy`. */
  readonly order?: ConsumerOrderHealth;
}

export interface ConsumerOrderHealth {
  /** Keys whose first message failed and waits for its next attempt. Their later messages wait with it. */
  readonly delayedKeys: number;
  /** Keys that wait for `release()`. */
  readonly haltedKeys: readonly string[];
  /** Messages in the waiting queue, those on their way there included. */
  readonly laidAside: number;
}

export interface ReaderHealth {
  readonly stream: string;
  readonly name: string;
  /** `subscribing` with a `fault` where waiting will not mend what keeps it from reading. */
  readonly phase: 'subscribing' | 'reading' | 'closing' | 'closed';
  /** The code of what keeps it from reading, for example SUREHOP_STREAM_OFFSET_GONE. */
  readonly fault: string | undefined;
  /** The last offset that was handled or laid aside, with all before it; undefined before the first. */
  readonly position: number | undefined;
  /** The last offset of which the store knows that. */
  readonly savedPosition: number | undefined;
  /** The last offset that the broker has delivered. */
  readonly received: number | undefined;
  /**
   * How long ago the message in hand was published, by its publisher's clock, in milliseconds: how far the reader is
   * behind. 0 when none is in hand; undefined when the message does not say.
   */
  readonly behindMs: number | undefined;
  /** The attempt at the message in hand; 0 when none is. Above 1 all that follows waits for it. */
  readonly attempt: number;
  /** Handlers that ran past their time limit and have not returned. */
  readonly stuckHandlers: number;
  /** Dead letters that were tried and not stored, and are tried again: the reader does not go on before. */
  readonly unstoredCopies: number;
  /** True while the store takes no positions: after a crash more would be handled again. */
  readonly isStoreFailing: boolean;
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
  readonly readers: readonly ReaderHealth[];
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
      ({ phase, quarantine, stuckHandlers, unstoredCopies, halted, order }) =>
        phase === 'subscribing' ||
        quarantine ||
        stuckHandlers + unstoredCopies > 0 ||
        halted === true ||
        (order !== undefined && order.haltedKeys.length > 0),
    ) ||
    parts.readers.some(
      ({ phase, stuckHandlers, unstoredCopies, isStoreFailing }) =>
        phase === 'subscribing' || stuckHandlers > 0 || unstoredCopies > 0 || isStoreFailing,
    ) ||
    parts.relays.some(({ phase }) => phase !== 'running') ||
    parts.topology.some(
      ({ state }) => state === 'created anew' || state === 'under-replicated' || state === 'mismatch',
    );
  return degraded ? 'degraded' : 'ok';
}
