import type { HeaderTable } from '@surehop/core';
import { placeOf, type Role } from '../family.ts';
import type { PolicyView } from '../management-views.ts';
import type { Wanted, WantedExchange } from '../topology/wanted.ts';
import type { Finding, Severity } from './finding.ts';
import type { OurQueue } from './our-queues.ts';
import type { Snapshot } from './snapshot.ts';

interface Target {
  readonly name: string;
  readonly role: Role;
  readonly arguments: HeaderTable;
  readonly type: string | undefined;
}

interface Harm {
  readonly severity: Severity;
  readonly means: string;
}

/** Policies that break what arguments promise: AMQP does not show them. */
export function policyFindings(queues: readonly OurQueue[], wanted: readonly Wanted[], snapshot: Snapshot): Finding[] {
  const standing = queues.map(({ name, role, view }): [Target, HeaderTable] => [
    { name, role, arguments: view.arguments ?? {}, type: view.type },
    tableOf(view.effective_policy_definition),
  ]);
  const names = new Set(queues.map(({ name }) => name));
  const future = wanted.flatMap((one): [Target, HeaderTable][] => {
    if (one.kind !== 'queue' || names.has(one.name)) return [];
    const type = String(one.arguments['x-queue-type']);
    const target = { name: one.name, role: placeOf(one.name).role, arguments: one.arguments, type };
    return [[target, definitionFor(target, snapshot)]];
  });
  const ofQueues = [...standing, ...future].flatMap(([target, definition]) =>
    queueFindings(target, definition, snapshot),
  );
  return [...ofQueues, ...wanted.flatMap((one) => (one.kind === 'exchange' ? exchangeFindings(one, snapshot) : []))];
}

function queueFindings(target: Target, definition: HeaderTable, snapshot: Snapshot): Finding[] {
  return Object.entries(definition).flatMap(([key, value]) => {
    const harm = harmOf(key, value, target);
    if (harm === undefined) return [];
    const source = sourceOf(key, target, snapshot);
    return [finding(`${source} sets ${key}: ${String(value)} on queue "${target.name}"`, harm, target.name)];
  });
}

/** Undefined when the key does no harm to a queue of that role. */
function harmOf(
  key: string,
  value: unknown,
  { role, arguments: args }: Omit<Target, 'name' | 'type'>,
): Harm | undefined {
  if (args['x-queue-type'] === 'stream') return streamHarm(key);
  switch (key) {
    case 'overflow':
      return value === 'drop-head'
        ? {
            severity: 'error',
            means:
              'it beats the argument: a full queue drops its oldest messages although it confirmed them, and dead letters are handed over at most once',
          }
        : undefined;
    case 'max-length':
    case 'max-length-bytes':
      return { severity: 'warning', means: full[role] };
    case 'message-ttl':
      if (role === 'rung' && Number(value) >= Number(args['x-message-ttl'])) return undefined;
      return { severity: role === 'rung' ? 'warning' : 'error', means: expiring[role] };
    case 'expires':
      return { severity: 'error', means: unused[role] };
    case 'delivery-limit':
      return limitHarm(Number(value), role, Number(args['x-delivery-limit'] ?? Number.POSITIVE_INFINITY));
    default:
      return undefined;
  }
}

/** Of all keys, a stream follows its own two. */
function streamHarm(key: string): Harm | undefined {
  if (key !== 'max-age' && key !== 'max-length-bytes') return undefined;
  return { severity: 'warning', means: 'messages may go sooner than the contract says, before they are read' };
}

const full: Readonly<Record<Role, string>> = {
  work: 'when it is full, publishes are refused',
  rung: "when it is full, retries stay unacknowledged and hold their consumer's slots",
  waiting: 'when it is full, what waits for an earlier message of its key stays in hand, and fills the prefetch',
  'dead-letter': "when it is full, failed messages stay unacknowledged and hold their consumer's slots",
};

const expiring: Readonly<Record<Role, string>> = {
  work: 'messages that wait longer are laid aside unhandled',
  rung: 'the lower holds: retries come back sooner than the contract says',
  waiting: 'what waits longer for an earlier message of its key is laid aside unhandled',
  'dead-letter': 'dead letters that are older are dropped, for good',
};

const unused: Readonly<Record<Role, string>> = {
  work: 'without consumers for so long, it is deleted with what is in it',
  rung: 'it never has consumers, so that it is deleted with what waits in it, unless it is declared again in time',
  waiting: 'without a consumer with orderBy for so long, it is deleted with what waits in it',
  'dead-letter': 'it has no consumers, so that it is deleted with what is in it, unless it is declared again in time',
};

/** Below it, a message that kills its process can take neighbours along. */
const smallestSafeLimit = 5;

function limitHarm(value: number, role: Role, argument: number): Harm | undefined {
  if (value >= argument || role === 'rung') return undefined;
  if (role === 'dead-letter')
    return { severity: 'error', means: 'looking at a dead letter so often drops it, for good' };
  if (role === 'waiting')
    return {
      severity: 'error',
      means: `all that waits in it is delivered again whenever its consumer ends; after ${value} times it is laid aside unhandled`,
    };
  return value < smallestSafeLimit
    ? {
        severity: 'warning',
        means: `after ${value} redeliveries a message is laid aside; neighbours of one that kills its process may be among them`,
      }
    : {
        severity: 'note',
        means: 'the lower holds: messages are laid aside after fewer redeliveries than the contract says',
      };
}

/** On an exchange that has none by contract, what no binding takes is no longer told to its publisher. */
function exchangeFindings(wanted: WantedExchange, { policies }: Snapshot): Finding[] {
  if (wanted.arguments['alternate-exchange'] !== undefined || /\.dead-letter$/.test(wanted.name)) return [];
  const policy = strongest(policies, wanted.name, ['exchanges', 'all']);
  const alternate = policy?.definition['alternate-exchange'];
  if (policy === undefined || alternate === undefined) return [];
  const what = `policy "${policy.name}" sets alternate-exchange: ${String(alternate)} on exchange "${wanted.name}"`;
  return [
    finding(
      what,
      { severity: 'warning', means: 'publishes that no queue takes are confirmed, not refused' },
      wanted.name,
    ),
  ];
}

function finding(what: string, { severity, means }: Harm, name: string): Finding {
  const todo = `change the policy, or let its pattern exclude "${name}"; at most one policy matches a queue`;
  return { severity, check: 'policies', what, means, todo };
}

/** What will hold for a queue that does not stand yet. Of both kinds of policies the lower value would win; both are told. */
function definitionFor(target: Target, { policies, operatorPolicies }: Snapshot): HeaderTable {
  return {
    ...strongest(policies, target.name, appliesTo(target))?.definition,
    ...strongest(operatorPolicies, target.name, appliesTo(target))?.definition,
  };
}

function sourceOf(key: string, target: Target, { policies, operatorPolicies }: Snapshot): string {
  const operator = strongest(operatorPolicies, target.name, appliesTo(target));
  if (operator !== undefined && key in operator.definition) return `operator policy "${operator.name}"`;
  const policy = strongest(policies, target.name, appliesTo(target));
  return policy === undefined ? 'a policy' : `policy "${policy.name}"`;
}

function appliesTo({ type }: Target): readonly string[] {
  return ['queues', 'all', `${type ?? 'classic'}_queues`];
}

/** The one that the broker takes: the highest priority among those that match. */
function strongest(policies: readonly PolicyView[], name: string, kinds: readonly string[]): PolicyView | undefined {
  return policies
    .filter((policy) => kinds.includes(policy['apply-to']) && matches(policy.pattern, name))
    .toSorted((one, other) => other.priority - one.priority)[0];
}

/** As the broker does, whose regular expressions are Perl's: those that differ from ours match nothing here. */
export function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern, 's').test(name);
  } catch {
    return false;
  }
}

function tableOf(definition: HeaderTable | readonly [] | null | undefined): HeaderTable {
  return definition === null || definition === undefined || Array.isArray(definition)
    ? {}
    : (definition as HeaderTable);
}
