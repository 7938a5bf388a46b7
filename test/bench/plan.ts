import { type Pace, publishWarmUpMs } from './assignment.ts';
import type { Cell, QueueKind } from './cell.ts';
import { type Library, libraries, ours, reference } from './libraries.ts';
import type { Workload } from './workloads.ts';

/** Rounds are interleaved: A B C A B C … */
export interface Plan {
  readonly cell: Cell;
  readonly runs: readonly { readonly round: number; readonly library: Library }[];
}

export interface Wanted {
  readonly workloads: readonly Workload[];
  /** Raw amqplib takes part whether it is named or not: it is what the others are compared to. */
  readonly libraries: readonly string[];
  readonly rounds: number;
  /** More rounds for what is judged over more of them. */
  readonly isJudged: boolean;
  readonly queueTypes: readonly QueueKind[];
  readonly bodies: readonly number[];
}

export function planOf(wanted: Wanted): Plan[] {
  return wanted.workloads.flatMap((workload) =>
    cellsOf(workload, wanted).map((cell): Plan => {
      const rounds = workload.rounds ?? wanted.rounds;
      const most = wanted.isJudged ? Math.max(rounds, workload.judgedRounds ?? 0) : rounds;
      const all = Array.from({ length: most }, (_, round) =>
        takingPart(workload, wanted.libraries)
          .filter(({ name }) => round < rounds || name === reference || name === ours)
          .map((library) => ({ round, library })),
      );
      return { cell, runs: all.flat() };
    }),
  );
}

function cellsOf(workload: Workload, { queueTypes, bodies }: Wanted): Cell[] {
  const sizes = workload.bodyBytes === undefined ? bodies : [workload.bodyBytes];
  if (workload.broker === 'null') return sizes.map((bodyBytes) => ({ workload, queueType: undefined, bodyBytes }));
  const types = workload.only === undefined ? queueTypes : [workload.only];
  return types.flatMap((queueType) => sizes.map((bodyBytes) => ({ workload, queueType, bodyBytes })));
}

function takingPart(workload: Workload, asked: readonly string[]): Library[] {
  return libraries.filter(({ name, isVariant }) => {
    if (isVariant === true && workload.variants?.includes(name) !== true) return false;
    if (workload.libraries !== undefined && !workload.libraries.includes(name)) return false;
    return name === reference || asked.includes(name);
  });
}

/** What it takes to start a process, import, connect, look at the queue and go, in milliseconds. */
const overheadMs = 500;
/** What a small machine gives, per second. */
const filledPerSecond = 30_000;
const laddersPerSecond = 1_500;
const throughPerSecond = 20_000;

/** How long one run takes, about, in milliseconds. */
function durationOf({ task, broker }: Workload, pace: Pace): number {
  const measured = overheadMs + pace.warmUpMs + pace.measureMs;
  switch (task.kind) {
    case 'consume':
    case 'service': {
      // A queue is topped up: prefetch 1 leaves most of it.
      const takenShare = task.kind === 'consume' && task.prefetch > 1 ? 0.7 : 0.1;
      return measured + (broker === 'null' ? 0 : (1_000 * pace.backlog * takenShare) / filledPerSecond);
    }
    case 'ladder':
      // The last backlog before what counts begins in time, and ends after it.
      return (
        overheadMs +
        600 +
        pace.ladderWarmUpMs +
        (1_000 * (pace.ladderWarmUp / 2 + pace.ladderMessages)) / laddersPerSecond
      );
    case 'idle':
      return overheadMs + pace.warmUpMs + pace.idleMs;
    case 'start':
      return overheadMs;
    case 'endurance':
      return overheadMs + (1_000 * pace.enduranceMessages) / throughPerSecond;
    case 'publish':
      return overheadMs + publishWarmUpMs(pace, task.inFlight, broker !== 'null') + pace.measureMs;
    case 'latency':
    case 'delay':
    case 'away':
      return measured;
    default:
      return task satisfies never;
  }
}

export function estimateMinutes(plans: readonly Plan[], pace: Pace): number {
  const durations = plans.map(({ cell, runs }) => runs.length * durationOf(cell.workload, pace));
  return durations.reduce((sum, one) => sum + one, 0) / 60_000;
}
