import { parseArgs } from 'node:util';
import { type Library, libraries, ours, standardLibraries } from './libraries.ts';
import { type Workload, workloads } from './workloads.ts';

export interface CommandLine {
  readonly workloads: readonly Workload[];
  readonly libraries: readonly string[];
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly isAll: boolean;
  readonly json: boolean;
  readonly list: boolean;
  readonly keep: boolean;
  /** A folder of RABBITMQ_RELEASES. */
  readonly release: string | undefined;
}

/** Says what is wrong, and what there is instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const fewestRounds = 5;
const mostRounds = 100;

const usage = `npm run bench -- [options]

  (nothing)        the standard set: quorum queues, 256 B, every workload, five rounds; under 30 minutes, on a slow machine 35
  --quick          one short round of everything, in under two minutes, to see that it runs
  --all            classic queues and 4 KiB as well, and the standard set on every other release
  --only a,b       these workloads and these libraries; a name may end in *
  --rounds N       how many, at least one (default ${fewestRounds}, with --quick 1)
  --release 4.3    the broker of this folder of RABBITMQ_RELEASES (default: what startBroker() gives)
  --json           one line of JSON per workload and library; the tables go to standard error
  --keep           writes the results to docs/performance.md
  --list           which workloads and libraries there are`;

const options = {
  quick: { type: 'boolean', default: false },
  all: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true, default: [] as string[] },
  rounds: { type: 'string' },
  release: { type: 'string' },
  json: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
} as const;

/** @throws {UsageError} */
export function readCommandLine(args: readonly string[], releases: readonly string[]): CommandLine {
  const { quick, all, only, rounds, release, json, keep, list } = parse(args);
  if (quick && all) throw new UsageError('--quick and --all exclude each other.');
  if (quick && keep) throw new UsageError('--quick measures too little to be kept: leave out --keep.');
  if (all && release !== undefined) throw new UsageError('--all takes every release: leave out --release.');
  if (release !== undefined && !releases.includes(release)) {
    const there =
      releases.length === 0 ? 'RABBITMQ_RELEASES names no folder with any' : `there are ${releases.join(', ')}`;
    throw new UsageError(`There is no release "${release}": ${there}.`);
  }
  const patterns = only.flatMap((text) => text.split(',').map((name) => name.trim()));
  return {
    ...choose(patterns),
    rounds: rounds === undefined ? (quick ? 1 : fewestRounds) : roundsIn(rounds),
    isQuick: quick,
    isAll: all,
    json,
    list,
    keep,
    release,
  };
}

/** What there is to choose from. */
export function listText(): string {
  const width = Math.max(...workloads.map(({ name }) => name.length)) + 2;
  return [
    'Workloads:',
    ...workloads.map(({ name, title }) => `  ${name.padEnd(width)}${title}`),
    'Libraries:',
    ...libraries.map(({ name, package: from }) => `  ${name}${name === from ? '' : ` (${from})`}`),
  ].join('\n');
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${usage}`);
  }
}

/** A pattern names workloads, libraries or both; where none names any of a kind, all of that kind are meant. */
function choose(patterns: readonly string[]): { workloads: readonly Workload[]; libraries: readonly string[] } {
  const named = <T extends Workload | Library>(all: readonly T[]): T[] =>
    all.filter(({ name }) => patterns.some((pattern) => matches(name, pattern)));
  const known = [...workloads, ...libraries];
  const unknown = patterns.filter((pattern) => !known.some(({ name }) => matches(name, pattern)));
  if (unknown.length > 0) {
    const names = unknown.map((name) => `"${name}"`).join(', ');
    throw new UsageError(`There is no workload and no library ${names}.\n${listText()}`);
  }
  const chosenWorkloads = named(workloads);
  const chosenLibraries = named(libraries);
  return {
    workloads: chosenWorkloads.length > 0 ? chosenWorkloads : workloads,
    libraries: (chosenLibraries.length > 0 ? chosenLibraries : standardLibraries).map(({ name }) => name),
  };
}

function matches(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function roundsIn(text: string): number {
  const rounds = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (rounds >= 1 && rounds <= mostRounds) return rounds;
  throw new UsageError(`--rounds is a whole number from 1 to ${mostRounds}, not "${text}".`);
}

/** Whether the run tells of us at all. */
export function areOursJudged({ libraries: asked }: Pick<CommandLine, 'libraries'>): boolean {
  return asked.some((name) => name.startsWith(ours));
}
