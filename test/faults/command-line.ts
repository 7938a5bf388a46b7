import { parseArgs } from 'node:util';
import type { QueueKind, Scenario } from './scenario.ts';
import { shareOf } from './shares.ts';

export interface Run {
  readonly scenario: Scenario;
  readonly type: QueueKind;
}

export interface CommandLine {
  readonly runs: readonly Run[];
  readonly json: boolean;
  readonly isLong: boolean;
}

const options = {
  json: { type: 'boolean', default: false },
  long: { type: 'boolean', default: false },
  once: { type: 'boolean', default: false },
  type: { type: 'string' },
  turn: { type: 'string', default: '1/1' },
} as const;

/** What to run, or what is wrong with what was asked. */
export function readCommandLine(args: readonly string[], scenarios: readonly Scenario[]): CommandLine | string {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return `${(error as Error).message}\nThe options are ${Object.keys(options)
      .map((name) => `--${name}`)
      .join(', ')}.`;
  }
  const { values, positionals } = parsed;
  const names = scenarios.map(({ name }) => name);
  const unknown = positionals.filter((pattern) => !names.some((name) => matches(name, pattern)));
  if (unknown.length > 0) {
    return `There is no scenario ${unknown.map((name) => `"${name}"`).join(', ')}. There are:\n  ${names.join('\n  ')}`;
  }
  if (values.type !== undefined && values.type !== 'quorum' && values.type !== 'classic') {
    return `--type is quorum or classic, not "${values.type}".`;
  }
  const turn = turnOf(values.turn);
  if (turn === undefined) return `--turn is a share like 2/3, not "${values.turn}".`;
  const wanted = scenarios.filter(
    ({ name, longOnly }) =>
      (values.long || longOnly === undefined || positionals.includes(name)) &&
      (positionals.length === 0 || positionals.some((pattern) => matches(name, pattern))),
  );
  const runs = wanted.flatMap((scenario) =>
    (values.once ? (scenario.types ?? ['quorum']).slice(0, 1) : (scenario.types ?? ['quorum']))
      .map((type): Run => ({ scenario, type }))
      .filter(({ type }) => values.type === undefined || values.type === type),
  );
  const { share, of } = turn;
  return { runs: shareOf(runs, share, of), json: values.json, isLong: values.long };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options, allowPositionals: true });
}

function matches(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function turnOf(text: string): { share: number; of: number } | undefined {
  const [, share, of] = (/^([1-9]\d?)\/([1-9]\d?)$/.exec(text) ?? []).map(Number);
  return share === undefined || of === undefined || share > of ? undefined : { share, of };
}
