import { deadLetterName, delayEntrance, retryExchangeName } from '@surehop/core/internal';
import type { Family } from '../family.ts';
import type { BindingView, QueueView } from '../management-views.ts';
import type { Finding } from './finding.ts';
import type { Snapshot } from './snapshot.ts';

type Entities = Pick<Snapshot, 'exchanges' | 'bindings' | 'queues'>;

/** Whether every way that a message may take through a family leads somewhere. */
export function wayFindings(families: readonly Family<QueueView>[], found: Entities): Finding[] {
  return families.flatMap((family) => [
    ...deadWay(family, found),
    ...wayBack(family, found),
    ...alternate(family, found),
  ]);
}

function deadWay({ name, work, waiting }: Family<QueueView>, { exchanges, bindings, queues }: Entities): Finding[] {
  const dead = deadLetterName(name);
  const isClassic = work?.type === 'classic';
  const means = isClassic
    ? 'what the broker lays aside is lost: a classic queue hands dead letters over at most once. Copies of consumers wait unacknowledged'
    : 'what dies meanwhile is kept, and arrives up to 180 s after the repair; failed messages stay unacknowledged';
  const finding = (what: string): Finding => ({ severity: 'error', check: 'ways of messages', what, means, todo });
  if (!queues.some((queue) => queue.name === dead)) return [finding(`queue "${dead}" is missing`)];
  // The waiting queue of a work queue that somebody else has declared leads there also where that one does not.
  if (![work, waiting].some((queue) => queue?.arguments?.['x-dead-letter-exchange'] === dead)) return [];
  if (!exchanges.some((exchange) => exchange.name === dead)) return [finding(`exchange "${dead}" is missing`)];
  const isBound = bindings.some((one) => one.source === dead && leadsTo(one, dead));
  return isBound ? [] : [finding(`queue "${dead}" is not bound to its exchange`)];
}

function wayBack({ name, work, rungs }: Family<QueueView>, { exchanges, bindings }: Entities): Finding[] {
  if (rungs.length === 0 || name === delayEntrance) return [];
  const back = retryExchangeName(name);
  const finding = (what: string): Finding => ({
    severity: 'error',
    check: 'ways of messages',
    what,
    means: 'messages that wait for a retry do not come back; they are kept, and come up to 180 s after the repair',
    todo,
  });
  if (work === undefined) return [finding(`queue "${name}" is missing, and its retry queues are there`)];
  if (!exchanges.some((exchange) => exchange.name === back)) return [finding(`exchange "${back}" is missing`)];
  const isBound = bindings.some((one) => one.source === back && leadsTo(one, name) && one.routing_key === name);
  return isBound ? [] : [finding(`queue "${name}" is not bound to exchange "${back}" by "${name}"`)];
}

/** Without it, 32 messages that no binding takes stop a rung for good. */
function alternate({ name }: Family<QueueView>, { exchanges }: Entities): Finding[] {
  const back = exchanges.find((exchange) => exchange.name === retryExchangeName(name));
  const dead = deadLetterName(name);
  if (back === undefined || back.arguments?.['alternate-exchange'] === dead) return [];
  return [
    {
      severity: 'warning',
      check: 'ways of messages',
      what: `exchange "${back.name}" has not "${dead}" as its alternate exchange`,
      means: 'once 32 messages in a retry queue can be routed nowhere, all behind them stay there for good',
      todo: 'stop the consumers, delete that exchange, declare it again: surehop topology apply',
    },
  ];
}

function leadsTo({ destination, destination_type: type }: BindingView, queue: string): boolean {
  return type === 'queue' && destination === queue;
}

const todo = 'surehop topology apply --contracts …, or start a service that declares it';
