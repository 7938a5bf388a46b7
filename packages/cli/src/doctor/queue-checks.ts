import { delayParking } from '@surehop/core/internal';
import { number } from '../progress.ts';
import type { Finding } from './finding.ts';
import type { OurQueue } from './our-queues.ts';
import type { NodeView } from './snapshot.ts';

/** Work that nobody does. What is in a stream stays there, read or not. */
export function consumerFindings(queues: readonly OurQueue[]): Finding[] {
  return queues
    .filter(({ role, view }) => role === 'waiting' || (role === 'work' && view.type !== 'stream'))
    .filter(({ view }) => view.consumers === 0 && (view.messages_ready ?? 0) > 0)
    .map(({ name, role, family, view }) => ({
      severity: 'warning',
      check: 'consumers',
      what: `queue "${name}" has ${messages(view.messages_ready ?? 0)} and no consumer`,
      ...(role === 'waiting' ? nobodyInOrder(family) : nobody),
    }));
}

const nobody = {
  means: 'they are stored and wait; nobody handles them',
  todo: 'start its service, or look why its consumers are gone',
};

function nobodyInOrder(family: string): Pick<Finding, 'means' | 'todo'> {
  return {
    means: `they wait for an earlier message of their key, and come before what is in "${family}"; only a consumer with orderBy handles them`,
    todo: `start a consumer of "${family}" with orderBy; where there shall be none any more, let one run until this queue is empty`,
  };
}

export function deadLetterFindings(queues: readonly OurQueue[]): Finding[] {
  return queues
    .filter(({ role, view }) => role === 'dead-letter' && (view.messages ?? 0) > 0)
    .map(({ name, view }) => ({
      severity: name === delayParking ? 'warning' : 'note',
      check: 'dead letters',
      what: `queue "${name}" holds ${messages(view.messages ?? 0)}`,
      means: name === delayParking ? foundNobody : 'they failed for good and wait for a person',
      todo: `surehop dlq groups ${name}`,
    }));
}

const foundNobody =
  'their delay was over and the queue or exchange that they were for was gone, or not bound any more; nobody has handled them';

/** Of a quorum queue, unless there are fewer nodes. */
const usualMembers = 3;

export function memberFindings(queues: readonly OurQueue[], nodes: readonly NodeView[] | undefined): Finding[] {
  return queues.flatMap(({ name, view }): Finding[] => {
    const { type, members, online, state } = view;
    const common = { check: 'members' } as const;
    const isAway = state !== undefined && ['down', 'minority', 'stopped', 'crashed'].includes(state);
    if (type !== 'quorum' || members === undefined || online === undefined) {
      return isAway ? [{ ...common, severity: 'error', what: `queue "${name}" is ${state}`, ...noMajority }] : [];
    }
    const counts = `${online.length} of ${members.length} members online`;
    if (isAway || online.length * 2 <= members.length) {
      return [{ ...common, severity: 'error', what: `queue "${name}" has ${counts}: no majority`, ...noMajority }];
    }
    const wanted = Math.min(usualMembers, nodes?.length ?? members.length);
    if (online.length >= wanted) return [];
    const what = `queue "${name}" has ${counts}, and could have ${wanted}`;
    return [{ ...common, severity: 'warning', what, ...tooFew }];
  });
}

const noMajority = {
  means:
    'it takes and gives nothing: publishes to it are not confirmed, retries stay unacknowledged; what it holds is kept',
  todo: 'start the nodes of its other members',
};

const tooFew = {
  means: 'one node less may stop it, and one disk less may lose what it holds',
  todo: 'start the nodes that are down; where none is, rabbitmq-queues grow NODE all',
};

/** What a message may have so that it can be copied to a retry or dead-letter queue. */
const maxMessageBytes = 16 * 1024 * 1024;

/** Larger ones came from other clients, or before the broker was upgraded: its own limit went from 128 to 16 MiB in 4.0. */
export function sizeFindings(queues: readonly OurQueue[]): Finding[] {
  return queues
    .filter(
      ({ view }) => (view.messages ?? 0) > 0 && (view.message_bytes ?? 0) / (view.messages ?? 1) > maxMessageBytes,
    )
    .map(({ name, view }) => ({
      severity: 'warning',
      check: 'sizes',
      what: `queue "${name}" holds messages of more than 16 MiB: ${messages(view.messages ?? 0)} of ${number(view.message_bytes ?? 0)} bytes together`,
      means:
        'no copy of them can be published, so that they cannot be retried; when they fail, the broker lays the original aside',
      todo: 'send large bodies by another way, and their place by message',
    }));
}

export function messages(count: number): string {
  return `${number(count)} ${count === 1 ? 'message' : 'messages'}`;
}
