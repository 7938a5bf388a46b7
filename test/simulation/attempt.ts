import type { Plan } from './plan.ts';
import { type Outcome, World } from './world.ts';

export interface Attempt {
  /** Undefined where the run itself failed. */
  readonly outcome: Outcome | undefined;
  /** Empty when everything held. */
  readonly violations: readonly string[];
}

const rejections: unknown[] = [];
process.on('unhandledRejection', (reason) => rejections.push(reason));

/** Makes the run of a plan. Never rejects: what the run throws, or leaves unhandled, is a violation as well. */
export async function attempt(plan: Plan, onTrace?: (line: string) => void): Promise<Attempt> {
  try {
    const outcome = await new World(plan, onTrace).run();
    // Told by the engine after the turn in which nobody handled it.
    const unhandled = rejections.splice(0).map((reason) => `unhandled rejection: ${String(reason)}`);
    return { outcome, violations: [...outcome.violations, ...unhandled] };
  } catch (thrown) {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return { outcome: undefined, violations: [`the run failed: ${text}`] };
  }
}
