import { placeOf } from '../family.ts';
import type { PlanItem } from './plan.ts';

/** How to get from what stands to what is wanted without losing a message. Nothing of it is done by this program's plan. */
export function stepsFor({ wanted, differences }: PlanItem): readonly string[] {
  if (differences.length === 0 || wanted.kind === 'binding') return [];
  if (wanted.kind === 'exchange') return exchangeSteps(wanted.name);
  if (wanted.arguments['x-queue-type'] === 'stream') return streamSteps(wanted.name);
  const { role, family, delayMs } = placeOf(wanted.name);
  switch (role) {
    case 'work':
      return workQueueSteps(wanted.name);
    case 'rung':
      return rungSteps(wanted.name, family, delayMs);
    case 'waiting':
      return waitingSteps(wanted.name, family);
    case 'dead-letter':
      return deadLetterSteps(wanted.name, family);
    default:
      return role satisfies never;
  }
}

/**
 * A shorter way than the steps, where there is one: a lower delivery limit may be a policy, since the lower of policy and
 * argument holds.
 */
export function shortcutFor({ wanted, differences }: PlanItem): string | undefined {
  const [only, ...others] = differences;
  if (only?.property !== 'x-delivery-limit' || others.length > 0 || wanted.kind !== 'queue') return undefined;
  if (placeOf(wanted.name).role !== 'work' || !(Number(only.wanted) < Number(only.found))) return undefined;
  return `Since only the limit shall be lower: leave it at ${only.found} in the contract, and set a policy with delivery-limit ${only.wanted} on "${wanted.name}" alone. Else:`;
}

/** What a plan says once, whatever differs. */
export const whySteps: string =
  'Arguments cannot be changed in place, and a queue that is deleted takes its messages along. Nothing here does either; by hand, in this order:';

function workQueueSteps(name: string): string[] {
  const next = `${name}.v2`;
  return [
    `define the contract under a new name, for example "${next}", and go on consuming "${name}" as it is: with its old contract, or createConsumer(rabbit, { queue: '${name}', raw: true }, …)`,
    `deploy consumers of both with the same handler; what "${name}" retries comes back to "${name}"`,
    `let publishers use "${next}"; where an exchange feeds "${name}", remove that binding as soon as the new one stands, and handle by message id: meanwhile both queues get each message`,
    `wait until "${name}", its retry queues and, where it has one, its waiting queue are empty: surehop top`,
    `send its dead letters to the new queue: surehop dlq replay ${name}.dead-letter --to ${next}`,
    `remove the old contract, then: surehop topology prune --contracts … --gone ${name}`,
  ];
}

function streamSteps(name: string): string[] {
  const next = `${name}.v2`;
  return [
    `only maxAgeMs or maxBytes shall be other: leave the contract as it is, and set a policy with max-age or max-length-bytes on "${name}" alone; the policy holds`,
    `else define the contract under a new name, for example "${next}", and let publishers use it`,
    `let readers read "${name}" to its end, with its old contract, and begin with "${next}" from 'first'`,
    `delete "${name}" through the management API when nobody needs its messages any more: they go with it`,
  ];
}

function rungSteps(name: string, family: string, delayMs: number): string[] {
  return [
    `change that delay in the contract, if only to ${delayMs + 1} ms: its queue then has a name of its own`,
    `deploy; nothing new comes to "${name}", and what is in it goes where its own arguments lead`,
    `where they do not lead back to "${family}": surehop dlq move ${name} --to ${family}`,
    `when it is empty, delete "${name}" through the management API`,
  ];
}

function deadLetterSteps(name: string, family: string): string[] {
  const parked = `${family}.parked`;
  return [
    `stop the consumers of "${family}", so that nothing is laid aside meanwhile`,
    `make a durable quorum queue "${parked}", then: surehop dlq move ${name} --to ${parked}`,
    `when "${name}" is empty in two looks 10 s apart (surehop top), delete it through the management API`,
    'surehop topology apply --contracts …',
    `surehop dlq move ${parked} --to ${name}`,
    `start the consumers of "${family}"; what the broker itself lays aside while the queue is missing is kept, and arrives up to 180 s later`,
  ];
}

/** What is in it comes before what is in the work queue: no consumer may start while it is elsewhere. */
function waitingSteps(name: string, family: string): string[] {
  const parked = `${family}.parked`;
  return [
    `stop the consumers of "${family}"`,
    `where "${name}" holds messages: make a durable quorum queue "${parked}", then: surehop dlq move ${name} --to ${parked}`,
    `when "${name}" is empty in two looks 10 s apart (surehop top), delete it through the management API, and declare it there with the arguments that are wanted`,
    `surehop dlq move ${parked} --to ${name}`,
    `start the consumers of "${family}"`,
  ];
}

function exchangeSteps(name: string): string[] {
  const [, queue] = /^(.+)\.(?:retry|dead-letter)$/s.exec(name) ?? [];
  if (queue !== undefined) {
    return [
      `stop the consumers of "${queue}"`,
      `delete the exchange "${name}": it stores nothing, and what would pass it waits in its queue, up to 180 s longer`,
      'at once: surehop topology apply --contracts …',
      `start the consumers of "${queue}"`,
    ];
  }
  return [
    `define the exchange under a new name, for example "${name}.v2", and let the queues' contracts bind to both`,
    'deploy the consumers: they declare it and its bindings',
    `let publishers use "${name}.v2"`,
    `when nobody publishes to "${name}" any more, take it out of the contracts and delete it`,
  ];
}
