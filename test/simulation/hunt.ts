import { Worker } from 'node:worker_threads';
import type { Hunt } from './command-line.ts';
import type { Batch, BatchResult, Failed, WorkerData } from './worker.ts';

export interface HuntResult {
  readonly runs: number;
  readonly perSecond: number;
  readonly failed: readonly Failed[];
  /** How often each fault, behaviour and rejection came up. */
  readonly exercised: Readonly<Record<string, number>>;
}

/** Seeds that a worker is given at once. */
const batchSize = 50;
/** What creates garbage by the million needs room for it. */
const youngGenerationMb = 64;

/** Runs all seeds, shared out among workers. */
export async function hunt(asked: Hunt, onFailed: (failed: Failed) => void): Promise<HuntResult> {
  const { from, count, only, ordered, requests, mutant, first } = asked;
  const wishes = { only, ordered, requests };
  const startedAt = performance.now();
  const failed: Failed[] = [];
  const exercised: Record<string, number> = {};
  let given = 0;
  let runs = 0;
  const next = (): Batch | undefined => {
    if (given >= count || (first && failed.length > 0)) return undefined;
    const batch = { from: (from + given) % 2 ** 32, count: Math.min(batchSize, count - given) };
    given += batch.count;
    return batch;
  };
  const take = (result: BatchResult): void => {
    runs += result.runs;
    for (const [what, times] of Object.entries(result.exercised)) exercised[what] = (exercised[what] ?? 0) + times;
    for (const one of result.failed) {
      failed.push(one);
      onFailed(one);
    }
  };
  const workers = Math.min(asked.workers, Math.ceil(count / batchSize));
  await Promise.all(Array.from({ length: workers }, () => work({ wishes, mutant, first }, next, take)));
  const perSecond = Math.round(runs / ((performance.now() - startedAt) / 1_000));
  return { runs, perSecond, failed: failed.toSorted((a, b) => a.seed - b.seed), exercised };
}

async function work(
  data: WorkerData,
  next: () => Batch | undefined,
  take: (result: BatchResult) => void,
): Promise<void> {
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
  });
  try {
    for (let batch = next(); batch !== undefined; batch = next()) {
      worker.postMessage(batch);
      take(await answerOf(worker));
    }
  } finally {
    await worker.terminate();
  }
}

function answerOf(worker: Worker): Promise<BatchResult> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(error);
    worker.once('error', onError);
    worker.once('message', (result: BatchResult) => {
      worker.off('error', onError);
      resolve(result);
    });
  });
}
