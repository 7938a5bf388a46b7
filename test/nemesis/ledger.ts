import type { Report } from '../faults/history.ts';
import { type Role, topologyCheckMs } from './assignment.ts';
import type { DeadLetterFound } from './dead-letters.ts';
import { type FaultName, faultKinds, faultNames } from './fault-kinds.ts';
import type { Incident, Omission } from './incident.ts';
import type { Pulse } from './pulse.ts';

/** What a run has found. */
export interface Findings {
  readonly seed: number;
  readonly broker: string;
  readonly report: Report;
  /** When the promise of a message settled. */
  readonly settledAt: (id: string) => number | undefined;
  /** The last time a handler had it and failed: from then on it is on its way through the retries. */
  readonly failedLast: (id: string) => Failed | undefined;
  /** All that is known of some messages, line by line. */
  readonly evidenceOf: (ids: readonly string[]) => readonly string[];
  readonly incidents: readonly Incident[];
  readonly omissions: readonly Omission[];
  readonly deadLetters: readonly DeadLetterFound[];
  /** Messages that the broker counts and gives to nobody. */
  readonly withheld: number;
  readonly wouldNotEnd: readonly string[];
  readonly processes: readonly ProcessFindings[];
  readonly rejections: ReadonlyMap<string, number>;
  readonly failures: ReadonlyMap<string, number>;
  readonly unhandled: readonly string[];
  readonly publishing: Pulse;
  readonly handling: Pulse;
  readonly excused: number;
  readonly loadBeganAt: number;
  readonly loadEndedAt: number;
  readonly tookMs: number;
}

export interface Failed {
  readonly at: number;
  readonly how: string;
}

export interface ProcessFindings {
  readonly name: string;
  readonly role: Role;
  readonly starts: number;
  readonly peakBytes: number;
  readonly pulse: Pulse;
}

/** Over everything, in the order in which it is printed. Plain data. */
export interface Ledger {
  readonly seed: number;
  readonly broker: string;
  readonly tookS: number;
  readonly loadS: number;
  readonly published: number;
  readonly perSecond: number;
  readonly resolved: number;
  /** Stored for certain not, and perhaps. */
  readonly rejected: { readonly notStored: number; readonly unknown: number };
  readonly rejectedByCode: Readonly<Record<string, number>>;
  /** On their way in a publishing process that was killed: nothing was promised. */
  readonly cutShort: number;
  readonly handled: number;
  /** Handlers that failed, by what the message asked for. */
  readonly failedAttempts: Readonly<Record<string, number>>;
  /** By reason. */
  readonly deadLettered: Readonly<Record<string, number>>;
  readonly duplicates: number;
  readonly longestPublishGapMs: number;
  readonly longestHandleGapMs: number;
  readonly peakMegabytes: Readonly<Record<string, number>>;
  readonly starts: Readonly<Record<string, number>>;
  readonly faults: readonly FaultLine[];
  readonly omitted: readonly Omission[];
  /** What must not be; a run without any has passed. */
  readonly violations: Violations;
  /** Of some of the messages that violate: what became of them, and what befell meanwhile. */
  readonly evidence: readonly string[];
}

export interface FaultLine {
  readonly name: FaultName;
  readonly count: number;
  /** Per role of the struck processes, where it can be told. */
  readonly publish: Recovery | undefined;
  readonly handle: Recovery | undefined;
}

/**
 * How long a struck process did nothing: where service should go on, its longest pause from the beginning of the fault
 * until {@link calmAfterMs} after its end; otherwise from the end of the fault until it finished something it began after.
 */
export interface Recovery {
  readonly medianMs: number;
  readonly worstMs: number;
}

/** Each with up to ten examples. */
export interface Violations {
  /** Those left out that may be among what the broker withholds: that is told as stuck. */
  readonly lost: Finding;
  readonly phantom: Finding;
  readonly hung: Finding;
  readonly stuck: Finding;
  /** Laid aside though their handler never asked for it. */
  readonly wronglyDead: Finding;
  readonly neverRecovered: Finding;
  readonly wouldNotEnd: Finding;
  readonly unhandled: Finding;
  readonly memory: Finding;
}

export interface Finding {
  readonly count: number;
  readonly examples: readonly string[];
}

const memoryBoundMegabytes = 350;
const calmAfterMs = 5_000;
/** A check of the topology with its jitter, and what a busy cluster takes for it. */
const madeAgainWithinMs = 1.5 * topologyCheckMs;
const mega = 1_000_000;
const mostExamples = 10;
/** Of each kind; what is known of one fills a page. */
const mostSuspects = 3;

export function ledgerOf(findings: Findings): Ledger {
  const { report, processes, loadBeganAt, loadEndedAt } = findings;
  const loadMs = loadEndedAt - loadBeganAt;
  return {
    seed: findings.seed,
    broker: findings.broker,
    tookS: Math.round(findings.tookMs / 1_000),
    loadS: Math.round(loadMs / 1_000),
    published: report.published,
    perSecond: Math.round((report.published * 1_000) / Math.max(1, loadMs)),
    resolved: report.resolved,
    rejected: report.rejected,
    rejectedByCode: Object.fromEntries(findings.rejections),
    cutShort: findings.excused,
    handled: report.handled,
    failedAttempts: Object.fromEntries(findings.failures),
    deadLettered: countsOf(findings.deadLetters.map(({ reason }) => reason)),
    duplicates: report.duplicates,
    longestPublishGapMs: Math.round(findings.publishing.longestPauseMs(loadBeganAt, loadEndedAt)),
    longestHandleGapMs: Math.round(findings.handling.longestPauseMs(loadBeganAt, loadEndedAt)),
    peakMegabytes: Object.fromEntries(processes.map(({ name, peakBytes }) => [name, Math.round(peakBytes / mega)])),
    starts: Object.fromEntries(processes.map(({ name, starts }) => [name, starts])),
    faults: faultNames.flatMap((name) => faultLine(name, findings)),
    omitted: findings.omissions,
    violations: violationsOf(findings),
    evidence: findings.evidenceOf(suspectsIn(findings)),
  };
}

/** Whether nothing was found that must not be. */
export function hasPassed({ violations }: Ledger): boolean {
  return Object.values(violations).every(({ count }: Finding) => count === 0);
}

function faultLine(name: FaultName, findings: Findings): FaultLine[] {
  const incidents = findings.incidents.filter((incident) => incident.name === name);
  if (incidents.length === 0) return [];
  return [
    {
      name,
      count: incidents.length,
      publish: recoveryOf(incidents, findings, 'publisher'),
      handle: recoveryOf(incidents, findings, 'consumer'),
    },
  ];
}

function recoveryOf(incidents: readonly Incident[], findings: Findings, role: Role): Recovery | undefined {
  const times = incidents.flatMap((incident) => {
    const struck = findings.processes.filter((one) => one.role === role && incident.struck.includes(one.name));
    return struck.flatMap(({ pulse }) => recoveryMs(incident, pulse, findings.loadEndedAt) ?? []);
  });
  if (times.length === 0) return undefined;
  const sorted = times.map(Math.round).sort((a, b) => a - b);
  return { medianMs: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0, worstMs: sorted.at(-1) ?? 0 };
}

function recoveryMs({ name, beganAt, healedAt }: Incident, pulse: Pulse, loadEndedAt: number): number | undefined {
  if (!faultKinds[name].serviceGoesOn) return pulse.firstAfterMs(healedAt);
  return pulse.longestPauseMs(beganAt, Math.min(healedAt + calmAfterMs, loadEndedAt));
}

function violationsOf(findings: Findings): Violations {
  const { report, processes } = findings;
  const stuck = report.stuck.map(({ id, queue }) => `${id} in ${queue}`);
  const wronglyDead = wronglyDeadIn(findings);
  const tooLarge = processes.filter(({ peakBytes }) => peakBytes > memoryBoundMegabytes * mega);
  return {
    lost: finding(report.lost.slice(findings.withheld).map((id) => lostText(id, findings))),
    phantom: finding(report.phantom),
    hung: finding(report.hung),
    stuck: { ...finding(stuck), count: stuck.length + findings.withheld },
    wronglyDead: finding(wronglyDead.map(({ id, does, reason }) => `${id} (${does}): ${reason}`)),
    neverRecovered: finding(neverRecovered(findings.incidents, processes)),
    wouldNotEnd: finding(findings.wouldNotEnd),
    unhandled: finding(findings.unhandled),
    memory: finding(tooLarge.map(({ name, peakBytes }) => `${name}: ${Math.round(peakBytes / mega)} MB`)),
  };
}

function wronglyDeadIn({ deadLetters, incidents }: Findings): DeadLetterFound[] {
  return deadLetters.filter(({ isMeant, strandedAt }) => !isMeant && !isExcused(strandedAt, incidents));
}

/** Messages of which somebody will want to know more. */
function suspectsIn(findings: Findings): string[] {
  const { lost, phantom, hung, stuck } = findings.report;
  const kinds = [lost, phantom, hung, stuck.map(({ id }) => id), wronglyDeadIn(findings).map(({ id }) => id)];
  return [...new Set(kinds.flatMap((ids) => ids.slice(0, mostSuspects)))];
}

/** Which fault took it, and out of which queue, is seen from its times: faults are told by the same clock. */
function lostText(id: string, { settledAt, failedLast, loadBeganAt }: Findings): string {
  const clock = (at: number): string => `at ${((at - loadBeganAt) / 1_000).toFixed(1)} s`;
  const promisedAt = settledAt(id);
  const failed = failedLast(id);
  const promised = promisedAt === undefined ? id : `${id}, promised ${clock(promisedAt)}`;
  return `${promised}, ${failed === undefined ? 'never in a handler' : `failed ${clock(failed.at)} (${failed.how})`}`;
}

/**
 * An exchange that was deleted is there again a moment before its binding. A retry whose time is up in that moment goes to
 * the dead-letter queue, as it is meant to: it is kept, and a person sees it.
 */
function isExcused(strandedAt: number | undefined, incidents: readonly Incident[]): boolean {
  if (strandedAt === undefined) return false;
  return incidents.some(
    ({ name, beganAt, healedAt }) =>
      name === 'retry-exchange-deleted' && strandedAt >= beganAt - 1_000 && strandedAt <= healedAt + madeAgainWithinMs,
  );
}

/** Who has not finished anything that it began after the last fault that struck it. */
export function neverRecovered(incidents: readonly Incident[], processes: readonly ProcessFindings[]): string[] {
  return processes.flatMap(({ name, pulse }) => {
    const last = incidents
      .filter(({ struck }) => struck.includes(name))
      .reduce<Incident | undefined>((one, other) => (one && one.healedAt > other.healedAt ? one : other), undefined);
    const isBack = last === undefined || pulse.firstAfterMs(last.healedAt) !== undefined;
    return isBack ? [] : [`${name} after ${last.name}`];
  });
}

function finding(all: readonly string[]): Finding {
  return { count: all.length, examples: all.slice(0, mostExamples) };
}

function countsOf(keys: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}
