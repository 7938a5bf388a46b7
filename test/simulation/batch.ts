import { type Plan, planOf } from './plan.ts';
import type { Batch, BatchResult, Failed, WorkerData } from './worker.ts';
import { World } from './world.ts';

const rejections: unknown[] = [];
process.on('unhandledRejection', (reason) => rejections.push(reason));

/** Runs seeds, one after the other; where only the first violation is wanted, up to that. Never rejects. */
export async function runBatch({ from, count }: Batch, { wishes, first }: WorkerData): Promise<BatchResult> {
  const failed: Failed[] = [];
  const exercised: Record<string, number> = {};
  let runs = 0;
  while (runs < count && !(first && failed.length > 0)) {
    const seed = (from + runs) % 2 ** 32;
    const violations = await violationsOf(planOf(seed, wishes), exercised);
    if (violations.length > 0) failed.push({ seed, violations });
    runs += 1;
  }
  return { runs, failed, exercised };
}

async function violationsOf(plan: Plan, exercised: Record<string, number>): Promise<readonly string[]> {
  try {
    const outcome = await new World(plan).run();
    for (const [what, times] of outcome.exercised) exercised[what] = (exercised[what] ?? 0) + times;
    // Told by the engine after the turn in which nobody handled it.
    const unhandled = rejections.splice(0).map((reason) => `unhandled rejection: ${String(reason)}`);
    return [...outcome.violations, ...unhandled];
  } catch (thrown) {
    return [`the run failed: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`];
  }
}
