import type { Run } from './command-line.ts';

/** How long a short form takes, in seconds, where that is ten and more: two cores, three releases at once. */
export const longForms: Readonly<Record<string, number>> = {
  'poison-limit-50': 53,
  'node-isolated': 33,
  'broker-killed-with-retries': 23,
  'rolling-deploy': 21,
  'leader-killed': 19,
  'majority-lost': 18,
  'closed-while-blocked': 18,
  'nodes-restarted-in-turn': 17,
  'node-frozen': 17,
  'broker-killed': 16,
  'closed-while-frozen': 16,
  'rolling-kills': 14,
  'broker-stopped': 14,
  'queues-under-replicated': 13,
  'connections-reset': 11,
  'confirms-of-copies-lost': 11,
  'way-back-lost': 10,
  'poison-classic': 10,
  'poison-twice': 10,
};
/** Of all others. */
const usualSeconds = 5;

/** One of so many shares that take about as long as each other: each run goes to the shortest, the longest first. */
export function shareOf(runs: readonly Run[], share: number, of: number): Run[] {
  const shares = Array.from({ length: of }, () => ({ seconds: 0, runs: new Set<Run>() }));
  for (const run of runs.toSorted((one, other) => secondsOf(other) - secondsOf(one))) {
    const shortest = shares.reduce((least, one) => (one.seconds < least.seconds ? one : least));
    shortest.seconds += secondsOf(run);
    shortest.runs.add(run);
  }
  return runs.filter((run) => shares[share - 1]?.runs.has(run));
}

/** How long its short form takes, about. */
export function secondsOf({ scenario }: Run): number {
  return longForms[scenario.name] ?? usualSeconds;
}
