import { attempt } from './attempt.ts';
import type { Plan } from './plan.ts';

/** So many runs are made at the most, */
const mostTries = 400;
/** and no new one after so many steps in all: one that never ends takes as long as fifty others. */
const mostSteps = 1_000_000;

/** What a violation is about, without the ids, times and numbers in it. */
export function kindOf(violation: string): string {
  return violation.replace(/\{.*$/s, '').replace(/[\d.]+/g, '#');
}

/** The smallest plan that could be found in which the same goes wrong. Every step takes something away. */
export async function shrink(plan: Plan, violations: readonly string[]): Promise<Plan> {
  const kinds = new Set(violations.map(kindOf));
  let smallest = plan;
  let tries = 0;
  let steps = 0;
  const isEnough = (): boolean => tries >= mostTries || steps >= mostSteps;
  const stillFails = async (candidate: Plan): Promise<boolean> => {
    tries += 1;
    const { outcome, violations: again } = await attempt(candidate);
    steps += outcome?.steps ?? 0;
    return again.some((violation) => kinds.has(kindOf(violation)));
  };
  for (let changed = true; changed && !isEnough(); ) {
    changed = false;
    for (const candidate of smaller(smallest)) {
      if (isEnough()) break;
      if (!(await stillFails(candidate))) continue;
      smallest = candidate;
      changed = true;
      break;
    }
  }
  return smallest;
}

/** Everything that is one step simpler, the largest steps first. */
function* smaller(plan: Plan): Generator<Plan> {
  const { messages, faults, strangers, requests = [] } = plan;
  if (strangers.length > 0) yield { ...plan, strangers: [] };
  for (const rest of parts(faults)) yield { ...plan, faults: rest };
  for (const rest of parts(requests)) yield { ...plan, requests: rest };
  for (const rest of parts(messages)) yield { ...plan, messages: rest };
  for (const rest of parts(strangers)) yield { ...plan, strangers: rest };
  if (plan.publishers > 1) yield { ...plan, publishers: plan.publishers - 1 };
  if (plan.consumers > 1) yield { ...plan, consumers: plan.consumers - 1 };
  for (const [index, message] of messages.entries()) {
    if (message.behaviours.length > 0) {
      const simple = { ...message, behaviours: message.behaviours.slice(0, -1) };
      yield { ...plan, messages: messages.with(index, simple) };
    }
    if (message.kills > 0) yield { ...plan, messages: messages.with(index, { ...message, kills: 0 }) };
  }
  for (const simple of [
    { hosts: 1 },
    { latencyMs: 0 },
    { writeMs: 0 },
    { everyMs: 0 },
    { concurrency: 1, prefetch: 1 },
    { maxUnconfirmed: 100 },
    { keys: 0 },
    { deployments: [] },
    { closings: [] },
    { maxAwaitedAnswers: 10_000 },
    { deadlineMs: 30_000 },
  ] satisfies Partial<Plan>[]) {
    if (Object.entries(simple).some(([name, value]) => plan[name as keyof Plan] !== value))
      yield { ...plan, ...simple };
  }
}

/** The halves, then all but one. */
function* parts<T>(all: readonly T[]): Generator<readonly T[]> {
  if (all.length === 0) return;
  const half = Math.ceil(all.length / 2);
  if (all.length > 1) yield all.slice(0, half);
  if (all.length > 1) yield all.slice(half);
  for (let index = 0; index < all.length; index += 1) yield all.toSpliced(index, 1);
}
