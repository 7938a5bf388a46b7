import type { QueueKind } from './cell.ts';
import type { Sample } from './figures.ts';
import type { Task } from './workloads.ts';

/** How long, and how much. */
export interface Pace {
  /**
   * Before anything counts, so that code is compiled and windows are full. A service runs for days, and yet in its first
   * second compiling was up to half of what a message cost, the more the less each message costs.
   */
  readonly warmUpMs: number;
  /**
   * The same for publishing with many on their way, where a message costs the least: raw amqplib and ours compile until
   * the fourth second.
   */
  readonly publishWarmUpMs: number;
  /** The same for the ladder: backlogs go the whole way, one after the other, until so much time has passed. */
  readonly ladderWarmUpMs: number;
  /** Messages of each of them. A library that is slow may have had one only. */
  readonly ladderWarmUp: number;
  readonly measureMs: number;
  /** Messages in the queue that consumers find. */
  readonly backlog: number;
  /** Messages that go through the ladder. */
  readonly ladderMessages: number;
  readonly idleMs: number;
  /** Messages of the endurance run; the heap is compared from a tenth of them on. */
  readonly enduranceMessages: number;
}

export const paces: Readonly<Record<'standard' | 'quick', Pace>> = {
  standard: {
    warmUpMs: 1_000,
    publishWarmUpMs: 3_500,
    ladderWarmUpMs: 5_000,
    ladderWarmUp: 1_000,
    measureMs: 750,
    backlog: 100_000,
    ladderMessages: 2_000,
    idleMs: 1_500,
    enduranceMessages: 1_000_000,
  },
  quick: {
    warmUpMs: 100,
    publishWarmUpMs: 100,
    ladderWarmUpMs: 100,
    ladderWarmUp: 300,
    measureMs: 250,
    backlog: 5_000,
    ladderMessages: 300,
    idleMs: 250,
    enduranceMessages: 20_000,
  },
};

/** How long to publish before it counts, in milliseconds. The null broker takes so many messages that the shorter time does. */
export function publishWarmUpMs(pace: Pace, inFlight: number, hasQueues: boolean): number {
  return hasQueues && inFlight > 1 ? pace.publishWarmUpMs : pace.warmUpMs;
}

/** What a queue is for. Each library has its own, since each declares them its own way. */
export const queueRoles = ['published', 'backlog', 'delivered', 'retried', 'outgoing'] as const;

export type QueueRole = (typeof queueRoles)[number];

/** All that a client process must know. Survives JSON. */
export interface Assignment {
  /** In libraries/, without `.ts`. */
  readonly library: string;
  readonly task: Task;
  readonly url: string;
  /** Names are kept for as long as the benchmark runs, so that a queue is declared anew only once. */
  readonly queues: Readonly<Record<QueueRole, string>>;
  readonly queueType: QueueKind;
  readonly bodyBytes: number;
  readonly pace: Pace;
  /** False on the null broker, which has no queues, and an endless backlog. */
  readonly hasQueues: boolean;
}

/** How many messages a queue must hold when the client has closed, if publishes were stored and handled ones acknowledged. */
export interface Claim {
  readonly queue: string;
  readonly atLeast: number;
  readonly atMost: number;
}

/** What a client process asks of the one that started it, and waits for. */
export type Errand =
  /** Tops the queue up to so many messages, each numbered in its first four bytes. */
  | { readonly errand: 'fill'; readonly queue: string; readonly upTo: number }
  /** Takes the broker away: connections are reset, and new ones refused. */
  | { readonly errand: 'take-broker-away' };

export interface Outcome {
  readonly sample: Sample;
  readonly claims: readonly Claim[];
}

/** What a client process says. */
export type Word = Errand | { readonly outcome: Outcome } | { readonly failure: string };
