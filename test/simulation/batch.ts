import { attempt } from './attempt.ts';
import { planOf } from './plan.ts';
import type { Batch, BatchResult, Failed, WorkerData } from './worker.ts';

/** Runs seeds, one after the other; where only the first violation is wanted, up to that. Never rejects. */
export async function runBatch({ from, count }: Batch, { wishes, first }: WorkerData): Promise<BatchResult> {
  const failed: Failed[] = [];
  const exercised: Record<string, number> = {};
  let runs = 0;
  while (runs < count && !(first && failed.length > 0)) {
    const seed = (from + runs) % 2 ** 32;
    const { outcome, violations } = await attempt(planOf(seed, wishes));
    for (const [what, times] of outcome?.exercised ?? []) exercised[what] = (exercised[what] ?? 0) + times;
    if (violations.length > 0) failed.push({ seed, violations });
    runs += 1;
  }
  return { runs, failed, exercised };
}
