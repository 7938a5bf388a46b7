import { brokerTraits } from '@surehop/core/internal';
import { duration } from '../progress.ts';
import type { Finding } from './finding.ts';
import type { NodeView } from './snapshot.ts';

/** What is known of the version that the broker announces. */
export function versionFindings(version: string): Finding[] {
  const { label, supported, knownBugs, limits } = brokerTraits(version);
  const common = { check: 'broker version' } as const;
  const untested: Finding = {
    ...common,
    severity: 'warning',
    what: `${label} is none that Surehop is tested with`,
    means: 'what docs/guarantees.md says was measured on 3.10, 4.0 and 4.3, and may not hold here',
    todo: 'use a version from 3.10 to 4.3',
  };
  return [
    ...(supported ? [] : [untested]),
    ...knownBugs.map(
      (bug): Finding => ({
        ...common,
        severity: 'warning',
        what: `${label}: ${bug}`,
        means: 'messages on their way to a retry or to the dead letters can be lost or stranded',
        todo: 'upgrade to the version named',
      }),
    ),
    ...limits.map(
      (limit): Finding => ({
        ...common,
        severity: 'note',
        what: `${label}: ${limit}`,
        means: 'less than on the newest version; nothing is lost by it',
        todo: 'know it, or upgrade to 4.3',
      }),
    ),
  ];
}

export function alarmFindings(hasAlarm: boolean, nodes: readonly NodeView[] | undefined): Finding[] {
  const down = (nodes ?? [])
    .filter(({ running }) => running === false)
    .map(
      (node): Finding => ({
        severity: 'warning',
        check: 'alarms',
        what: `node ${node.name} is down`,
        means: 'quorum queues go on while most of their members are up; queues of this node alone do not',
        todo: 'start it again',
      }),
    );
  if (!hasAlarm) return down;
  const short = (nodes ?? []).flatMap(({ name, mem_alarm: memory, disk_free_alarm: disk }) => [
    ...(memory === true ? [`memory on ${name}`] : []),
    ...(disk === true ? [`disk space on ${name}`] : []),
  ]);
  return [alarm(short.length === 0 ? anyResource : short.join(', ')), ...down];
}

/** Where nobody says which. */
export const anyResource = 'memory or disk space';

/** @param what the resource, and where */
export function alarm(what: string): Finding {
  return {
    severity: 'error',
    check: 'alarms',
    what: `the broker is short of ${what}, and blocks publishing`,
    means:
      'publishers wait until their deadlines and retries stay unacknowledged; consumers go on, and nothing is lost',
    todo: 'let consumers empty the queues, or give the broker more; it goes on by itself then',
  };
}

/** From which difference on somebody wants to know, in milliseconds. The resolution is one second. */
const noteFromMs = 2_000;
const warnFromMs = 30_000;

/** @param aheadMs how far the broker's clock is ahead of ours at least, in milliseconds */
export function clockFindings(aheadMs: number): Finding[] {
  const apart = Math.abs(aheadMs);
  if (apart < noteFromMs) return [];
  return [
    {
      severity: apart < warnFromMs ? 'note' : 'warning',
      check: 'clock',
      what: `the broker's clock is ${duration(apart)} ${aheadMs > 0 ? 'ahead of' : 'behind'} the clock here`,
      means:
        "delays of retries do not depend on it; times in headers, logs and dead letters cannot be compared, and RetryLater beyond the longest delay waits by the consumers' clocks",
      todo: 'synchronise the clocks (NTP)',
    },
  ];
}
