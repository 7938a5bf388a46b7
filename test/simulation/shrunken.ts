import { attempt } from './attempt.ts';
import type { Plan } from './plan.ts';
import { shrink } from './shrink.ts';

/** Of a trace, only the end is shown. */
const shownLines = 120;
/** A line of it is cut off after so many characters. */
const shownCharacters = 400;

/** For people: the trace of the smallest plan in which the same goes wrong, that plan, and what it violates. */
export async function shrunken(plan: Plan, violations: readonly string[], isWhole: boolean): Promise<string> {
  const smallest = await shrink(plan, violations);
  const trace: string[] = [];
  const again = await attempt(smallest, (line) => trace.push(line));
  const shown = isWhole ? trace : trace.slice(-shownLines).map((line) => line.slice(0, shownCharacters));
  const left = trace.length - shown.length;
  return [
    ...(left > 0 ? [`… ${left} lines before (--trace shows all)`] : []),
    ...shown,
    `\nthe smallest plan found (keep it in a file, for --plan):\n${JSON.stringify(smallest)}\n`,
    ...again.violations,
  ].join('\n');
}
