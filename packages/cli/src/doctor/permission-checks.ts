import { delayEntrance } from '@surehop/core/internal';
import { possibleWaitingQueues, type Wanted } from '../topology/wanted.ts';
import type { Finding } from './finding.ts';
import { matches } from './policy-checks.ts';
import type { PermissionsView } from './snapshot.ts';

/** The three regular expressions that are just enough to declare, publish to and consume what contracts describe. */
export function sufficientPermissions(wanted: readonly Wanted[]): PermissionsView {
  const work = wanted.flatMap((one) => (one.kind === 'queue' && isWork(one.name) ? [escaped(one.name)] : []));
  const exchanges = wanted.flatMap((one) =>
    one.kind === 'exchange' && isForeign(one.name) ? [escaped(one.name)] : [],
  );
  const isDelaying = wanted.some((one) => one.kind === 'exchange' && one.name === delayEntrance);
  const delays = isDelaying ? [`${escaped(delayEntrance)}(\\..+)?`] : [];
  const derived = work.length === 0 ? [] : [`${oneOf(work)}(\\.retry(\\.[0-9]+)?|\\.dead-letter|\\.waiting)?`];
  const all = [...derived, ...exchanges, ...delays];
  return {
    configure: whole(all),
    // The default exchange is called so here; copies for retries go through it. An alternate is written to by its exchange.
    write: whole(['amq\\.default', ...all]),
    read: whole(all),
  };
}

/**
 * @param wanted by contracts, and what stands of their waiting queues
 * @param permissions of the user who logs in over AMQP
 */
export function permissionFindings(wanted: readonly Wanted[], permissions: PermissionsView, user: string): Finding[] {
  const sufficient = sufficientPermissions(wanted);
  return (['configure', 'write', 'read'] as const).flatMap((right): Finding[] => {
    const needed = neededFor(right, wanted);
    const perhapsNeeded = possibleWaitingQueues(wanted).flatMap(({ name }) => (needed.includes(name) ? [] : [name]));
    const todo = `enough for declaring, publishing and consuming: ${right} ${sufficient[right]} (docs/topology.md has what a service needs that does only one of them)`;
    const lacking = (names: readonly string[], of: Pick<Finding, 'severity' | 'means'>): Finding[] => {
      const refused = names.filter((name) => !allows(permissions[right], name));
      const what = `user "${user}" may not ${right} ${shortened(refused)}`;
      return refused.length === 0 ? [] : [{ ...of, check: 'permissions', what, todo }];
    };
    return [
      ...lacking(needed, { severity: 'warning', means: meaning[right] }),
      ...lacking(perhapsNeeded, { severity: 'note', means: onlyInOrder }),
    ];
  });
}

const onlyInOrder = 'a consumer with orderBy, which has such a queue, fails at its start; others do not need it';

const meaning = {
  configure: 'a service that declares fails at its start; with topology "verify" or "off" it does not need it',
  write: 'publishes and copies for retries are refused; failed messages stay unacknowledged',
  read: 'it cannot consume them, or cannot bind them',
} as const;

function neededFor(right: keyof PermissionsView, wanted: readonly Wanted[]): string[] {
  const names = wanted.flatMap((one) => (one.kind === 'binding' ? [] : [one.name]));
  return [...new Set(right === 'write' ? ['amq.default', ...names] : names)];
}

/** An empty expression allows nothing. */
function allows(pattern: string, name: string): boolean {
  return pattern !== '' && matches(pattern, name);
}

const mostShown = 4;

function shortened(names: readonly string[]): string {
  const shown = names.slice(0, mostShown).map((name) => `"${name}"`);
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

function isWork(name: string): boolean {
  return !isOfDelays(name) && !/\.retry\.\d+$|\.dead-letter$|\.waiting$/.test(name);
}

function isForeign(name: string): boolean {
  return !isOfDelays(name) && !/\.retry$|\.dead-letter$/.test(name);
}

function isOfDelays(name: string): boolean {
  return name === delayEntrance || name.startsWith(`${delayEntrance}.`);
}

function oneOf(parts: readonly string[]): string {
  return parts.length === 1 ? (parts[0] ?? '') : `(${parts.join('|')})`;
}

function whole(parts: readonly string[]): string {
  return parts.length === 0 ? '^$' : `^${oneOf(parts)}$`;
}

function escaped(name: string): string {
  return name.replaceAll(/[\\^$.|?*+()[\]{}]/g, '\\$&');
}
