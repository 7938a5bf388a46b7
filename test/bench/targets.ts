import type { Figure, RatioName } from './figures.ts';
import { libraries, ours, reference } from './libraries.ts';
import { shortNumber } from './numbers.ts';
import type { Summary } from './summary.ts';
import { memoryBound } from './tasks/memory-bound.ts';

/** What was promised of one figure. */
interface Target {
  readonly workload: string;
  /** @default surehop */
  readonly library?: string;
  readonly figure: Figure | RatioName;
  readonly what: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Judged by its worst round, not by the median: a bound that holds always. */
  readonly isBound?: boolean;
}

export interface Verdict {
  readonly workload: string;
  readonly library: string;
  readonly what: string;
  readonly wanted: string;
  readonly measured: string;
  /** Undefined: not measured. */
  readonly isMet: boolean | undefined;
  /** By how much it falls short. */
  readonly short?: string;
}

const memoryAllowedMb = memoryBound / 1e6 + 20;
const [rate, cpu] = ['rate, of amqplib', 'client CPU, of amqplib'];

/** Medians of the ratios to raw amqplib in the same round; quorum queues, 256 B. */
const targets: readonly Target[] = [
  { workload: 'publish-1', figure: 'p50Ratio', what: 'latency, of amqplib', atMost: 1.05 },
  { workload: 'publish-100', figure: 'rateRatio', what: rate, atLeast: 1 },
  { workload: 'publish-100', figure: 'cpuRatio', what: cpu, atMost: 0.5 },
  { workload: 'publish-1000', figure: 'rateRatio', what: rate, atLeast: 0.95 },
  { workload: 'publish-1000', figure: 'cpuRatio', what: cpu, atMost: 0.65 },
  { workload: 'publish-1000', library: 'surehop-two-links', figure: 'rateRatio', what: rate, atLeast: 1.15 },
  { workload: 'null-publish-100', figure: 'rateRatio', what: rate, atLeast: 2.5 },
  { workload: 'null-publish-1000', figure: 'rateRatio', what: rate, atLeast: 2.5 },
  { workload: 'consume-50', figure: 'rateRatio', what: rate, atLeast: 1.4 },
  { workload: 'consume-50', figure: 'cpuRatio', what: cpu, atMost: 0.75 },
  { workload: 'consume-500', figure: 'rateRatio', what: rate, atLeast: 1.2 },
  { workload: 'consume-500', figure: 'cpuRatio', what: cpu, atMost: 0.75 },
  { workload: 'latency-2000', figure: 'p50Ratio', what: 'p50, of amqplib', atMost: 0.7 },
  { workload: 'latency-2000', figure: 'p99Ratio', what: 'p99, of amqplib', atMost: 1.25 },
  { workload: 'retry-throughput', figure: 'rateRatio', what: 'completed, of the hand-written', atLeast: 1 },
  { workload: 'retry-throughput', figure: 'cpuRatio', what: 'client CPU, of the hand-written', atMost: 0.8 },
  { workload: 'retry-delay', figure: 'p99Ms', what: 'error of the delay, p99 ms', atMost: 50 },
  { workload: 'endurance', figure: 'heapGrownMb', what: 'heap grown, MB', atMost: 5, isBound: true },
  { workload: 'broker-away', figure: 'memoryGrownMb', what: 'bound and 20 MB', atMost: memoryAllowedMb, isBound: true },
];

/** Where ours is to be ahead of every library in CPU, and behind none in rate by more than the rounds spread. */
const contested: readonly string[] = [
  'publish-100',
  'publish-1000',
  'null-publish-100',
  'null-publish-1000',
  'consume-50',
  'consume-500',
];

/** @param summaries of one release. Those of other queues and bodies than the targets speak of are passed over */
export function judge(summaries: readonly Summary[]): Verdict[] {
  const judged = summaries.filter(
    ({ queueType, bodyBytes, workload }) =>
      queueType !== 'classic' && (bodyBytes === 256 || workload === 'broker-away'),
  );
  const workloads = new Set(judged.map(({ workload }) => workload));
  return [
    ...targets.filter(({ workload }) => workloads.has(workload)).map((target) => verdictOf(target, judged)),
    ...contested.filter((workload) => workloads.has(workload)).flatMap((workload) => contest(workload, judged)),
  ];
}

function verdictOf(target: Target, summaries: readonly Summary[]): Verdict {
  const { workload, library = ours, figure, what, atLeast, atMost, isBound } = target;
  const summary = find(summaries, workload, library);
  const spread = summary?.spreads[figure];
  const wanted = atLeast === undefined ? `at most ${shortNumber(atMost ?? 0)}` : `at least ${shortNumber(atLeast)}`;
  const subject = { workload, library, what, wanted };
  if (spread === undefined || summary?.error !== undefined) {
    return { ...subject, measured: summary?.error === undefined ? 'not measured' : 'failed', isMet: undefined };
  }
  const value = isBound === true ? spread.max : spread.median;
  const missing = atLeast === undefined ? value - (atMost ?? 0) : atLeast - value;
  const result = { ...subject, measured: shortNumber(value), isMet: missing <= 0 };
  return missing <= 0 ? result : { ...result, short: shortNumber(missing) };
}

/** Everything a round says is noisy: who is ahead by less than half of what the rounds spread is not ahead. */
function contest(workload: string, summaries: readonly Summary[]): Verdict[] {
  const own = find(summaries, workload, ours);
  const others = libraries
    .filter(({ name, isVariant }) => name !== ours && name !== reference && isVariant !== true)
    .flatMap(({ name }) => find(summaries, workload, name) ?? []);
  if (own === undefined || others.length === 0) return [];
  const aheadInCpu = others.filter(({ spreads }) => medianOf(spreads.cpuRatio) <= medianOf(own.spreads.cpuRatio));
  const { rateRatio } = own.spreads;
  const aheadInRate = others.filter(({ spreads }) => {
    const noise = Math.max(halfOf(rateRatio), halfOf(spreads.rateRatio));
    return medianOf(spreads.rateRatio) - medianOf(rateRatio) > noise;
  });
  return [
    standing(workload, 'client CPU', 'below every other library', aheadInCpu, rateRatio !== undefined),
    standing(workload, 'rate', 'behind none by more than the spread', aheadInRate, rateRatio !== undefined),
  ];
}

function standing(
  workload: string,
  what: string,
  wanted: string,
  ahead: readonly Summary[],
  isMeasured: boolean,
): Verdict {
  const names = ahead.map(({ library }) => library).join(', ');
  const isMet = isMeasured ? ahead.length === 0 : undefined;
  const measured = isMeasured ? (names === '' ? 'so it is' : `behind ${names}`) : 'failed';
  return { workload, library: ours, what, wanted, measured, isMet };
}

function find(summaries: readonly Summary[], workload: string, library: string): Summary | undefined {
  return summaries.find((one) => one.workload === workload && one.library === library);
}

function medianOf(spread: { readonly median: number } | undefined): number {
  return spread?.median ?? Number.NaN;
}

function halfOf(spread: { readonly min: number; readonly max: number } | undefined): number {
  return spread === undefined ? 0 : (spread.max - spread.min) / 2;
}

export function verdictRow({ workload, library, what, wanted, measured, isMet, short }: Verdict): string[] {
  const verdict = isMet === undefined ? 'not judged' : isMet ? 'met' : 'falls short';
  return [workload, library, what, wanted, measured, short === undefined ? verdict : `${verdict} by ${short}`];
}

export const verdictHeads: readonly string[] = ['workload', 'library', 'figure', 'target', 'measured', ''];
