import type { Role } from './assignment.ts';

/** Faults of one lane follow each other, healed in between; the lanes go on at the same time. */
export type Lane = 'cluster' | 'network' | 'process' | 'operator';

/** What one fault strikes: a node, one of the processes, or everything. */
export type Strikes = 'node' | Role | 'process' | 'everything';

export interface FaultKind {
  readonly lane: Lane;
  readonly strikes: Strikes;
  /** What is done, for people. */
  readonly what: string;
  /** From its beginning to the beginning of its end, in milliseconds, shortest and longest. */
  readonly lastsMs: readonly [number, number];
  /** How long its end takes by itself, about: a node that starts, a process that starts. */
  readonly endsWithinMs: number;
  /**
   * Whether service goes on meanwhile, or should: then recovery is counted from the beginning of the fault, otherwise
   * from its end.
   */
  readonly serviceGoesOn: boolean;
  /** Whose recovery is measured where that is not the struck process: one that goes on publishing tells nothing of the handling. */
  readonly recovers?: Role;
  /**
   * How long what the fault has held up may still be on its way after its end, in milliseconds. What dies while its
   * dead-letter target is missing or full arrives up to 180 s after the repair, and the repair takes up to one check of
   * the topology. Runs too short to wait for that leave such faults out.
   */
  readonly tailMs?: number;
}

const deadLetteringTailMs = 200_000;

const kinds = {
  'node-killed': {
    lane: 'cluster',
    strikes: 'node',
    what: 'one node is killed (-9) and started again',
    lastsMs: [2_000, 8_000],
    endsWithinMs: 12_000,
    serviceGoesOn: true,
  },
  'leader-killed': {
    lane: 'cluster',
    strikes: 'everything',
    what: 'the node that leads the work queue is killed (-9) and started again',
    lastsMs: [2_000, 8_000],
    endsWithinMs: 12_000,
    serviceGoesOn: true,
  },
  'node-stopped': {
    lane: 'cluster',
    strikes: 'node',
    what: 'one node is shut down in order and started again, as in a rolling upgrade',
    lastsMs: [2_000, 6_000],
    endsWithinMs: 15_000,
    serviceGoesOn: true,
  },
  'node-frozen': {
    lane: 'cluster',
    strikes: 'node',
    what: 'one node is frozen (SIGSTOP)',
    lastsMs: [4_000, 20_000],
    endsWithinMs: 1_000,
    serviceGoesOn: true,
  },
  'node-isolated': {
    lane: 'cluster',
    strikes: 'node',
    what: 'one node is cut off from the two others, clients still reach it',
    lastsMs: [4_000, 20_000],
    endsWithinMs: 12_000,
    serviceGoesOn: true,
  },
  'majority-lost': {
    lane: 'cluster',
    strikes: 'node',
    what: 'all nodes but one are killed (-9) and started again',
    lastsMs: [2_000, 8_000],
    endsWithinMs: 15_000,
    serviceGoesOn: false,
  },
  'power-cut': {
    lane: 'cluster',
    strikes: 'everything',
    what: 'all three nodes are killed (-9) at once and started again',
    lastsMs: [500, 3_000],
    endsWithinMs: 20_000,
    serviceGoesOn: false,
  },
  'memory-alarm': {
    lane: 'cluster',
    strikes: 'node',
    what: 'one node raises its memory alarm, which blocks publishing on all of them',
    lastsMs: [3_000, 8_000],
    endsWithinMs: 4_000,
    serviceGoesOn: false,
    recovers: 'publisher',
  },
  'disk-alarm': {
    lane: 'cluster',
    strikes: 'node',
    what: 'one node raises its disk alarm, which blocks publishing on all of them',
    lastsMs: [3_000, 8_000],
    endsWithinMs: 4_000,
    serviceGoesOn: false,
    recovers: 'publisher',
  },
  'connections-reset': {
    lane: 'network',
    strikes: 'process',
    what: 'all connections of one process are reset, every 2 s',
    lastsMs: [100, 8_000],
    endsWithinMs: 0,
    serviceGoesOn: false,
  },
  'black-hole': {
    lane: 'network',
    strikes: 'process',
    what: 'nothing arrives between one process and any node, either way, reconnects included',
    lastsMs: [3_000, 18_000],
    endsWithinMs: 0,
    serviceGoesOn: false,
  },
  'black-hole-to-broker': {
    lane: 'network',
    strikes: 'process',
    what: 'nothing that one process sends arrives',
    lastsMs: [3_000, 18_000],
    endsWithinMs: 0,
    serviceGoesOn: false,
  },
  'black-hole-to-client': {
    lane: 'network',
    strikes: 'process',
    what: 'nothing that is sent to one process arrives',
    lastsMs: [3_000, 18_000],
    endsWithinMs: 0,
    serviceGoesOn: false,
  },
  'node-unreachable': {
    lane: 'network',
    strikes: 'node',
    what: 'nothing arrives between all processes and one node, which its cluster still reaches',
    lastsMs: [5_000, 18_000],
    endsWithinMs: 0,
    serviceGoesOn: true,
  },
  'slow-network': {
    lane: 'network',
    strikes: 'process',
    what: 'everything between one process and all nodes takes 100 to 600 ms longer, each way',
    lastsMs: [3_000, 10_000],
    endsWithinMs: 0,
    serviceGoesOn: false,
  },
  'consumer-killed': {
    lane: 'process',
    strikes: 'consumer',
    what: 'a consuming process is killed (-9) and started again',
    lastsMs: [0, 0],
    endsWithinMs: 2_000,
    serviceGoesOn: true,
  },
  'consumer-terminated': {
    lane: 'process',
    strikes: 'consumer',
    what: 'a consuming process is told to end (SIGTERM), closes, and is started again',
    lastsMs: [0, 0],
    endsWithinMs: 12_000,
    serviceGoesOn: true,
  },
  'consumer-frozen': {
    lane: 'process',
    strikes: 'consumer',
    what: 'a consuming process is frozen (SIGSTOP)',
    lastsMs: [3_000, 20_000],
    endsWithinMs: 0,
    serviceGoesOn: false,
  },
  'consumer-blocked': {
    lane: 'process',
    strikes: 'consumer',
    what: 'the event loop of a consuming process does not turn for more than two heartbeats',
    lastsMs: [7_000, 12_000],
    endsWithinMs: 0,
    serviceGoesOn: false,
  },
  'publisher-killed': {
    lane: 'process',
    strikes: 'publisher',
    what: 'a publishing process is killed (-9) and started again',
    lastsMs: [0, 0],
    endsWithinMs: 2_000,
    serviceGoesOn: true,
  },
  'publisher-terminated': {
    lane: 'process',
    strikes: 'publisher',
    what: 'a publishing process is told to end (SIGTERM), closes, and is started again',
    lastsMs: [0, 0],
    endsWithinMs: 12_000,
    serviceGoesOn: true,
  },
  poison: {
    lane: 'process',
    strikes: 'publisher',
    what: 'one message kills every consuming process that handles it, until the broker lays it aside',
    lastsMs: [0, 0],
    endsWithinMs: 25_000,
    serviceGoesOn: false,
    recovers: 'consumer',
  },
  'connections-closed': {
    lane: 'operator',
    strikes: 'everything',
    what: 'an operator closes all connections from the broker’s side',
    lastsMs: [0, 0],
    endsWithinMs: 4_000,
    serviceGoesOn: true,
  },
  'exchange-deleted': {
    lane: 'operator',
    strikes: 'everything',
    what: 'the exchange that half of the messages are published to is deleted, with its binding',
    lastsMs: [0, 0],
    endsWithinMs: 1_000,
    serviceGoesOn: true,
  },
  'binding-deleted': {
    lane: 'operator',
    strikes: 'everything',
    what: 'the binding of that exchange is deleted',
    lastsMs: [0, 0],
    endsWithinMs: 1_000,
    serviceGoesOn: true,
  },
  'delay-queue-full': {
    lane: 'operator',
    strikes: 'everything',
    what: 'a policy lets the delay queues take nothing more for a while',
    lastsMs: [3_000, 8_000],
    endsWithinMs: 1_000,
    serviceGoesOn: false,
  },
  'work-queue-full': {
    lane: 'operator',
    strikes: 'everything',
    what: 'a policy lets the work queue take nothing more for a while',
    lastsMs: [3_000, 8_000],
    endsWithinMs: 1_000,
    serviceGoesOn: false,
    tailMs: deadLetteringTailMs,
  },
  'dead-letter-queue-full': {
    lane: 'operator',
    strikes: 'everything',
    what: 'a policy lets the dead-letter queue take nothing more for a while',
    lastsMs: [3_000, 8_000],
    endsWithinMs: 1_000,
    serviceGoesOn: false,
    tailMs: deadLetteringTailMs,
  },
  'retry-exchange-deleted': {
    lane: 'operator',
    strikes: 'everything',
    what: 'the exchange that brings retries back to the work queue is deleted, with its binding',
    lastsMs: [0, 0],
    endsWithinMs: 1_000,
    serviceGoesOn: true,
    tailMs: deadLetteringTailMs,
  },
} as const satisfies Record<string, FaultKind>;

export type FaultName = keyof typeof kinds;

export const faultKinds: Readonly<Record<FaultName, FaultKind>> = kinds;

export const faultNames: readonly FaultName[] = Object.keys(kinds) as FaultName[];

/**
 * What is left out, and why. Deleting the work queue, a delay queue or the dead-letter queue loses what is in it by
 * definition, and so does wiping a node's data. Deleting the binding of the retry exchange sends retries to the
 * dead-letter queue instead, as it is meant to; that is no loss, but the ledger could not tell it from a fault of ours.
 */
export const leftOut: readonly string[] = [
  'queues deleted, or a node’s data wiped: what is stored there is lost by definition',
  'the binding of the retry exchange deleted: retries end in the dead-letter queue, as they are meant to',
];
