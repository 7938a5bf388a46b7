import { foundInViews } from '../topology/found.ts';
import { openItems, type Plan, planOf } from '../topology/plan.ts';
import { standingWaitingQueues, type Wanted } from '../topology/wanted.ts';
import { alarmFindings, clockFindings, versionFindings } from './broker-checks.ts';
import { delayFindings, haveMessages } from './delay-checks.ts';
import type { Finding, Skipped } from './finding.ts';
import { ourFamilies, queuesIn } from './our-queues.ts';
import { permissionFindings } from './permission-checks.ts';
import { policyFindings } from './policy-checks.ts';
import { consumerFindings, deadLetterFindings, memberFindings, sizeFindings } from './queue-checks.ts';
import type { Snapshot } from './snapshot.ts';
import { wayFindings } from './way-checks.ts';

/** What was found, and what could not be looked at. */
export interface Examination {
  readonly findings: readonly Finding[];
  readonly skipped: readonly Skipped[];
}

/** Everything that one look through the management API tells. */
export function examined(snapshot: Snapshot, wanted: readonly Wanted[], user: string): Examination {
  const families = ourFamilies(snapshot.queues, wanted);
  const queues = families.flatMap(queuesIn);
  const { permissions, clockAheadMs } = snapshot;
  const waiting = standingWaitingQueues(wanted, new Set(snapshot.queues.map(({ name }) => name)));
  const findings = [
    ...versionFindings(snapshot.version),
    ...alarmFindings(snapshot.hasAlarm, snapshot.nodes),
    ...(permissions === undefined ? [] : permissionFindings([...wanted, ...waiting], permissions, user)),
    ...contractFindings(planOf(wanted, foundInViews(snapshot))),
    ...policyFindings(queues, wanted, snapshot),
    ...wayFindings(families, snapshot),
    ...consumerFindings(queues),
    ...memberFindings(queues, snapshot.nodes),
    ...sizeFindings(queues),
    ...deadLetterFindings(queues),
    ...(clockAheadMs === undefined ? [] : clockFindings(clockAheadMs)),
  ];
  const skipped: Skipped[] = [];
  if (wanted.length === 0) skipped.push(...withoutContracts);
  else if (permissions === undefined)
    skipped.push({ check: 'permissions', why: 'only a user with the tag "administrator" may see them' });
  if (snapshot.nodes === undefined)
    skipped.push({ check: 'members', why: 'in part: how many nodes there are is shown to the tag "monitoring"' });
  return { findings, skipped };
}

/** Whether {@link examinedAgain} has anything to say. */
export function needsSecondLook(snapshot: Snapshot, wanted: readonly Wanted[]): boolean {
  return haveMessages(ourFamilies(snapshot.queues, wanted).flatMap(queuesIn));
}

/** What only two looks tell. */
export function examinedAgain(
  first: Pick<Snapshot, 'queues'>,
  second: Pick<Snapshot, 'queues'>,
  wanted: readonly Wanted[],
  elapsedMs: number,
): readonly Finding[] {
  const [before, now] = [first, second].map(({ queues }) => ourFamilies(queues, wanted).flatMap(queuesIn));
  return delayFindings(before ?? [], now ?? [], elapsedMs);
}

export function contractFindings(plan: Plan): Finding[] {
  return openItems(plan).map(({ label, state, differences }) => {
    if (state === 'missing') {
      return {
        severity: 'warning',
        check: 'contracts',
        what: `${label} is missing`,
        means: missing,
        todo: 'surehop topology apply --contracts …',
      };
    }
    const parts = differences.map(({ property, wanted, found }) => `${property} ${found} instead of ${wanted}`);
    return {
      severity: 'error',
      check: 'contracts',
      what: `${label} has ${parts.join(', ')}`,
      means: different,
      todo: 'surehop topology plan --contracts … says the steps',
    };
  });
}

const missing =
  'a service that declares makes it at its first use; until then publishes that need it are refused as unroutable';
const different = 'services that declare it fail with SUREHOP_TOPOLOGY_MISMATCH; others work with what stands';

const withoutContracts: readonly Skipped[] = [
  { check: 'contracts', why: 'none were given: --contracts' },
  { check: 'permissions', why: 'on which names is told by --contracts' },
];

/** What AMQP alone cannot tell. */
export const onlyByManagement: readonly Skipped[] = (
  ['policies', 'ways of messages', 'delay queues', 'consumers', 'members', 'sizes', 'dead letters', 'clock'] as const
).map((check) => ({ check, why: 'needs the management API: --management-url' }));
