import { oneLine } from '../printable.ts';
import type { Paint } from '../terminal.ts';
import { openItems, type Plan, type PlanItem } from './plan.ts';
import { shortcutFor, stepsFor, whySteps } from './steps.ts';

export interface PlanTextOptions {
  /** Says only what is not right. */
  readonly isBrief?: boolean;
  readonly paint: Paint;
}

const marks: Readonly<Record<PlanItem['state'], string>> = {
  missing: '+',
  differs: '!',
  same: ' ',
  'exists, not compared': '?',
  unknown: '?',
};

const colours = { '+': 'green', '!': 'red', ' ': 'dim', '?': 'yellow' } as const;

const words: Readonly<Record<PlanItem['state'], string>> = {
  missing: 'missing, would be created',
  differs: 'differs',
  same: 'as wanted',
  'exists, not compared': 'exists, not compared',
  unknown: 'not known without the management API',
};

/** For people: one line each, the steps below what differs, and a sum. */
export function planText(plan: Plan, { isBrief = false, paint }: PlanTextOptions): string {
  const shown = isBrief ? openItems(plan) : plan.items;
  const lines = shown.flatMap((item) => itemLines(item, paint));
  if (plan.surplus.length > 0 && !isBrief) {
    lines.push('', 'Not in the contracts, and left alone:', ...plan.surplus.map((label) => `  ${oneLine(label)}`));
  }
  if (lines.length > 0) lines.push('');
  return [...lines, summary(plan)].join('\n');
}

export function planJson(plan: Plan): unknown {
  return {
    comparedBy: plan.by,
    items: plan.items.map((item) => ({
      entity: item.label,
      kind: item.wanted.kind,
      state: item.state,
      differences: item.differences,
      shortcut: shortcutFor(item),
      steps: stepsFor(item),
    })),
    surplus: plan.surplus,
  };
}

function itemLines(item: PlanItem, paint: Paint): string[] {
  const mark = marks[item.state] as keyof typeof colours;
  const lines = [paint(colours[mark], `${mark} ${item.label}: ${words[item.state]}`)];
  for (const { property, wanted, found } of item.differences) {
    lines.push(`    ${property}: found ${oneLine(found)}, wanted ${wanted}`);
  }
  const shortcut = shortcutFor(item);
  if (shortcut !== undefined) lines.push(`    ${shortcut}`);
  const steps = stepsFor(item);
  if (steps.length > 0) lines.push(`    ${whySteps}`, ...steps.map((step, index) => `    ${index + 1}. ${step}`));
  return lines;
}

function summary(plan: Plan): string {
  const count = (...states: readonly PlanItem['state'][]): number =>
    plan.items.filter(({ state }) => states.includes(state)).length;
  const total = plan.items.length;
  const [missing, differing, unsure] = [count('missing'), count('differs'), count('exists, not compared', 'unknown')];
  const parts = [`${missing} missing`, `${differing} different`, `${count('same')} as wanted`];
  if (unsure > 0) parts.push(`${unsure} not compared: that needs --management-url`);
  return `${total} ${total === 1 ? 'thing' : 'things'}: ${parts.join(', ')}`;
}
