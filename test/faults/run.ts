import type { Broker } from '@surehop/testing';
import { type Figures, noFigures, violationsOf } from './figures.ts';
import type { QueueKind, Scenario } from './scenario.ts';
import { releaseOf, Stage } from './stage.ts';

export interface Result extends Figures {
  readonly scenario: string;
  /** RabbitMQ's, for example `4.3`. */
  readonly release: string;
  readonly type: QueueKind;
  readonly form: 'short' | 'long';
  /** Empty when everything held. */
  readonly failures: readonly string[];
  readonly unhandledRejections: number;
  /** The highest resident memory of the process while it ran, in MiB. */
  readonly peakMemoryMiB: number;
  readonly seconds: number;
}

/** A run that could not be made here, and why: nothing was measured. */
export interface Omission extends Pick<Result, 'scenario' | 'type' | 'form'> {
  /** Undefined when there is no broker at all. */
  readonly release: string | undefined;
  readonly omitted: string;
}

const sampleMs = 50;
/** Of one run; what takes longer hangs. */
const limitMs = 240_000;

/** Runs one scenario once. Never rejects: what went wrong is in the result. */
export async function runScenario(
  scenario: Scenario,
  broker: Broker,
  type: QueueKind,
  isLong: boolean,
): Promise<Result> {
  const startedAt = performance.now();
  let peak = 0;
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, sampleMs);
  let unhandledRejections = 0;
  const onRejection = (): void => {
    unhandledRejections += 1;
  };
  process.on('unhandledRejection', onRejection);
  const failures: string[] = [];
  let figures = noFigures;
  try {
    await using stage = await Stage.open(broker, type, isLong);
    figures = await withLimit(scenario.run(stage));
  } catch (error) {
    failures.push(...reasonsOf(error));
  } finally {
    clearInterval(sampler);
    process.off('unhandledRejection', onRejection);
  }
  failures.push(...violationsOf(figures));
  if (unhandledRejections > 0) failures.push(`unhandled rejections: ${unhandledRejections}`);
  if (scenario.duplicates === 'none' && figures.duplicates > 0) failures.push(`duplicates: ${figures.duplicates}`);
  return {
    scenario: scenario.name,
    release: releaseOf(broker),
    type,
    form: isLong ? 'long' : 'short',
    failures,
    ...figures,
    unhandledRejections,
    peakMemoryMiB: Math.round(peak / 1024 / 1024),
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
  };
}

/** What failed first, and then what failed while the stage was taken down, which is otherwise all that one is told. */
function reasonsOf(error: unknown): string[] {
  if (error instanceof SuppressedError) return [...reasonsOf(error.suppressed), ...reasonsOf(error.error)];
  return [String(error instanceof Error ? (error.stack ?? error.message) : error)];
}

async function withLimit<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it has not ended after ${limitMs / 1_000} s`)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
