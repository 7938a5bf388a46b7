import { parseArgs } from 'node:util';
import { type FaultName, faultKinds, faultNames, leftOut } from './fault-kinds.ts';

export interface CommandLine {
  readonly minutes: number;
  readonly seed: number;
  readonly rate: number;
  readonly faults: readonly FaultName[];
  readonly release: string | undefined;
  readonly json: boolean;
  readonly list: boolean;
  readonly keep: string | undefined;
}

/** Says what is wrong, and what there is instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const usage: string = `npm run nemesis -- [options]

Three nodes, two publishing and two consuming processes, and faults that a seed chooses, all at once.

  --minutes N      wall time of it all: the cluster's start, the load, the drain (default 3, at least 2)
  --seed N         the same faults at the same times (default: a new one)
  --rate N         messages a second, both publishing processes together (default 800)
  --faults a,b     these only (default: all; see --list)
  --release 4.3    the broker of this folder of RABBITMQ_RELEASES (default: rabbitmq-server on PATH)
  --keep FOLDER    leaves there what the processes and the brokers have written
  --json           one line of JSON at the end; what happens meanwhile goes to standard error
  --list           what faults there are`;

const defaults = { minutes: '3', rate: '800' } as const;
const fewestMinutes = 2;
const mostMinutes = 24 * 60;
const mostPerSecond = 20_000;
const largestSeed = 2 ** 31 - 1;

/**
 * @param newSeed where none is given
 * @throws {UsageError}
 */
export function parseCommandLine(args: readonly string[], newSeed: () => number): CommandLine {
  const { values } = parse(args);
  return {
    minutes: number('minutes', values.minutes ?? defaults.minutes, fewestMinutes, mostMinutes),
    seed: values.seed === undefined ? newSeed() : integer('seed', values.seed, largestSeed),
    rate: integer('rate', values.rate ?? defaults.rate, mostPerSecond),
    faults: values.faults === undefined ? faultNames : namesIn(values.faults),
    release: values.release,
    json: values.json ?? false,
    list: values.list ?? false,
    keep: values.keep,
  };
}

export function listText(): string {
  const lines = faultNames.map((name) => `  ${name.padEnd(24)}${faultKinds[name].what}`);
  return ['Faults:', ...lines, '', 'Left out:', ...leftOut.map((line) => `  ${line}`)].join('\n');
}

function parse(args: readonly string[]): ReturnType<typeof parseKnown> {
  try {
    return parseKnown(args);
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${usage}`);
  }
}

function parseKnown(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string' },
      seed: { type: 'string' },
      rate: { type: 'string' },
      faults: { type: 'string' },
      release: { type: 'string' },
      keep: { type: 'string' },
      json: { type: 'boolean' },
      list: { type: 'boolean' },
    },
  });
}

function namesIn(text: string): FaultName[] {
  const given = text.split(',').map((name) => name.trim());
  const isKnown = (name: string): name is FaultName => faultNames.some((known) => known === name);
  const unknown = given.filter((name) => !isKnown(name));
  if (unknown.length === 0) return given.filter(isKnown);
  throw new UsageError(`There is no fault ${unknown.join(', ')}. There are: ${faultNames.join(', ')}`);
}

function integer(option: string, text: string, most: number): number {
  const value = number(option, text, 1, most);
  if (!Number.isInteger(value)) throw new UsageError(`--${option} must be a whole number, got ${text}`);
  return value;
}

function number(option: string, text: string, least: number, most: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw new UsageError(`--${option} must be a number in [${least}, ${most}], got ${text}`);
}
