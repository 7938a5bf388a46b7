import { type ExchangeContract, longestSuffix, type QueueContract } from './contract.ts';
import type { BindingDeclaration, ExchangeDeclaration, QueueDeclaration } from './driver.ts';
import type { HeaderTable } from './message.ts';
import { checkEntityName, deadLetterName, retryExchangeName, rungName } from './names.ts';
import type { RetryPolicy } from './retry-policy.ts';

/**
 * What has to exist on the broker, as data. Declared in this order (exchanges, queues, bindings; each list from its
 * start), every thing exists before it is used. Everything is durable.
 */
export interface Topology {
  readonly exchanges: readonly ExchangeDeclaration[];
  readonly queues: readonly QueueDeclaration[];
  readonly bindings: readonly BindingDeclaration[];
  /** Queues that must exist and are never declared. */
  readonly existing: readonly string[];
}

/** A message that dies in a quorum queue leaves it only once its next queue has confirmed it. */
const safeDeath: HeaderTable = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };

/** Everything that a contract's queue needs: itself, its rungs, its dead-letter queue, the exchanges that it binds to. */
export function queueTopology(contract: QueueContract): Topology {
  const around = surroundings(contract.name, contract.retry);
  const bound = new Set(contract.bindTo.flatMap(({ exchange }) => withAlternates(exchange)));
  const [deadLetters, ...rungs] = around.queues;
  return {
    exchanges: [...around.exchanges, ...[...bound].map(declarationOf)],
    queues: [deadLetters, workQueue(contract), ...rungs],
    bindings: [...around.bindings, ...contract.bindTo.map((binding) => bindingOf(contract.name, binding))],
    existing: [],
  };
}

/** A contract's exchange and its alternates. Which queues bind to it is the consumers' affair. */
export function exchangeTopology(contract: ExchangeContract): Topology {
  return { exchanges: withAlternates(contract).map(declarationOf), queues: [], bindings: [], existing: [] };
}

/**
 * What stands around a queue that somebody else declares: rungs, the way back from them, the dead-letter queue. The
 * queue itself must exist. What dies in it by the broker's hand goes where its own arguments say.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID when names cannot be derived from the queue's
 */
export function rawQueueTopology(queue: string, retry: RetryPolicy): Topology {
  checkEntityName('existing queue', queue, longestSuffix(retry));
  return { ...surroundings(queue, retry), existing: [queue] };
}

/** One more rung, for a `RetryLater` that no rung of the contract fits. The queue's own topology must stand already. */
export function rungTopology(queue: string, delayMs: number): Topology {
  return { exchanges: [], queues: [rung(queue, delayMs)], bindings: [], existing: [] };
}

/** The smallest delay that is long enough, else the longest; undefined when there is none. All in milliseconds. */
export function smallestRung(delaysMs: readonly number[], askedMs: number): number | undefined {
  return delaysMs.find((delayMs) => delayMs >= askedMs) ?? delaysMs.at(-1);
}

function surroundings(
  queue: string,
  retry: RetryPolicy,
): Topology & { queues: [QueueDeclaration, ...QueueDeclaration[]] } {
  const dead = deadLetterName(queue);
  const back = retryExchangeName(queue);
  return {
    exchanges: [
      { name: dead, type: 'fanout', arguments: {} },
      // Without an alternate, 32 messages that no binding takes would stop a rung for good.
      { name: back, type: 'direct', arguments: { 'alternate-exchange': dead } },
    ],
    queues: [deadLetterQueue(dead), ...retry.delaysMs.map((delayMs) => rung(queue, delayMs))],
    bindings: [
      { exchange: dead, queue: dead, routingKey: '', arguments: {} },
      { exchange: back, queue, routingKey: queue, arguments: {} },
    ],
    existing: [],
  };
}

function workQueue(contract: QueueContract): QueueDeclaration {
  const dead = deadLetterName(contract.name);
  const common = { 'x-queue-type': contract.type, 'x-dead-letter-exchange': dead };
  // Classic queues refuse a strategy and a delivery limit.
  const rest: HeaderTable =
    contract.type === 'classic'
      ? { 'x-overflow': 'reject-publish' }
      : { ...safeDeath, 'x-delivery-limit': contract.deliveryLimit };
  return { name: contract.name, arguments: { ...common, ...rest } };
}

/** Quorum even for a classic work queue: with classic rungs half of the waiting retries can be lost in a crash. */
function rung(queue: string, delayMs: number): QueueDeclaration {
  return {
    name: rungName(queue, delayMs),
    arguments: {
      'x-queue-type': 'quorum',
      'x-message-ttl': delayMs,
      'x-dead-letter-exchange': retryExchangeName(queue),
      'x-dead-letter-routing-key': queue,
      ...safeDeath,
    },
  };
}

function deadLetterQueue(name: string): QueueDeclaration {
  return {
    name,
    // The largest limit there is, so that looking at dead letters drops none; -1 would mean 0 on RabbitMQ 3.10.
    arguments: { 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish', 'x-delivery-limit': 2 ** 31 - 1 },
  };
}

/** An exchange after its alternate, and that after its own. */
function withAlternates(exchange: ExchangeContract): ExchangeContract[] {
  return exchange.alternate === undefined ? [exchange] : [...withAlternates(exchange.alternate), exchange];
}

function declarationOf({ name, type, alternate }: ExchangeContract): ExchangeDeclaration {
  return { name, type, arguments: alternate === undefined ? {} : { 'alternate-exchange': alternate.name } };
}

function bindingOf(queue: string, binding: QueueContract['bindTo'][number]): BindingDeclaration {
  const { exchange, routingKey = '', headers = {} } = binding;
  return { exchange: exchange.name, queue, routingKey, arguments: headers };
}
