import { parseArgs } from 'node:util';
import { type FaultKind, faultKinds } from './plan.ts';

export interface Hunt {
  readonly from: number;
  readonly count: number;
  readonly workers: number;
  readonly only: readonly FaultKind[];
  /** Messages are handled in the order of their keys in every run. */
  readonly ordered: boolean;
  /** Some publishers wait for answers in every run. */
  readonly requests: boolean;
  readonly json: boolean;
  /** Stop at the first violation. */
  readonly first: boolean;
  /** Show all of a run's trace, not only the end of it. */
  readonly trace: boolean;
  /** Name of a bug to put in on purpose. */
  readonly mutant: string | undefined;
}

export type CommandLine =
  | { readonly kind: 'hunt'; readonly hunt: Hunt }
  /** One run, with its trace. */
  | { readonly kind: 'seed'; readonly seed: number; readonly hunt: Hunt }
  | { readonly kind: 'plan'; readonly path: string; readonly hunt: Hunt };

const options = {
  seeds: { type: 'string' },
  from: { type: 'string' },
  seed: { type: 'string' },
  plan: { type: 'string' },
  workers: { type: 'string' },
  only: { type: 'string', multiple: true },
  ordered: { type: 'boolean' },
  requests: { type: 'boolean' },
  mutant: { type: 'string' },
  first: { type: 'boolean' },
  trace: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

export const highestSeed: number = 2 ** 32 - 1;

/** What makes exactly the run that this seed has made in this hunt. */
export function replayCommand(seed: number, { only, ordered, requests, mutant }: Hunt): string {
  const kinds = only.length === faultKinds.length ? [] : only;
  const chosen = [
    ...kinds.map((kind) => ` --only ${kind.includes(' ') ? `'${kind}'` : kind}`),
    ...(ordered ? [' --ordered'] : []),
    ...(requests ? [' --requests'] : []),
    ...(mutant === undefined ? [] : [` --mutant ${mutant}`]),
  ];
  return `npm run simulate -- --seed ${seed}${chosen.join('')}`;
}

/** What is asked for, or what is wrong with it. */
export function readCommandLine(
  args: readonly string[],
  defaults: { readonly from: number; readonly workers: number; readonly mutants: readonly string[] },
): CommandLine | string {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (thrown) {
    const names = Object.keys(options).map((name) => `--${name}`);
    return `${(thrown as Error).message}\nThe options are ${names.join(', ')}.`;
  }
  const only = values.only ?? [];
  const unknown = only.filter((name) => !faultKinds.some((kind) => kind === name));
  if (unknown.length > 0) return `There is no fault ${listOf(unknown)}. There are:\n  ${faultKinds.join('\n  ')}`;
  const { mutant } = values;
  if (mutant !== undefined && !defaults.mutants.includes(mutant)) {
    return `There is no mutant "${mutant}". There are:\n  ${defaults.mutants.join('\n  ')}`;
  }
  const from = whole(values.seed ?? values.from ?? String(defaults.from), 0, highestSeed);
  if (from === undefined) return `A seed is a whole number from 0 to ${highestSeed}.`;
  const count = whole(values.seeds ?? '10000', 1, 100_000_000);
  if (count === undefined) return '--seeds is a whole number from 1 to 100000000.';
  const workers = whole(values.workers ?? String(defaults.workers), 1, 64);
  if (workers === undefined) return '--workers is a whole number from 1 to 64.';
  const hunt: Hunt = {
    from,
    count,
    workers,
    only: only.length === 0 ? faultKinds : (only as FaultKind[]),
    ordered: values.ordered ?? false,
    requests: values.requests ?? false,
    json: values.json ?? false,
    first: values.first ?? false,
    trace: values.trace ?? false,
    mutant,
  };
  if (values.seed !== undefined) return { kind: 'seed', seed: from, hunt };
  if (values.plan !== undefined) return { kind: 'plan', path: values.plan, hunt };
  return { kind: 'hunt', hunt };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options }).values;
}

function listOf(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

/** Undefined for what is no whole number in this range. */
function whole(text: string, low: number, high: number): number | undefined {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value >= low && value <= high ? value : undefined;
}
