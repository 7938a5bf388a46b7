import { type ExchangeContract, longestSuffix, type QueueContract } from './contract.ts';
import { delayWay } from './delay-network.ts';
import type { BindingDeclaration, ExchangeDeclaration, QueueDeclaration } from './driver.ts';
import type { HeaderTable } from './message.ts';
import { checkEntityName, deadLetterName, retryExchangeName, rungName, waitingName } from './names.ts';
import type { RetryPolicy } from './retry-policy.ts';
import type { StreamContract } from './stream-contract.ts';
import { deadLetterQueue, joined, neverDies, safeDeath, type Topology } from './topology-parts.ts';

export { deadLetterQueue, joined, type Topology } from './topology-parts.ts';

/** Everything that a contract's queue needs: itself, its rungs or the delay network, its dead-letter queue, the exchanges that it binds to. */
export function queueTopology(contract: QueueContract): Topology {
  const around = surroundings(contract.name, contract.retry);
  const bound = new Set(contract.bindTo.flatMap(({ exchange }) => withAlternates(exchange)));
  const [deadLetters, ...rungs] = around.queues;
  const own = {
    exchanges: [...around.exchanges, ...[...bound].map(declarationOf)],
    queues: [deadLetters, workQueue(contract), ...rungs],
    bindings: [...around.bindings, ...contract.bindTo.map((binding) => bindingOf(contract.name, binding))],
    existing: [],
  };
  return withDelays(own, contract.name, contract.retry);
}

/** A contract's exchange and its alternates. Which queues bind to it is the consumers' affair. */
export function exchangeTopology(contract: ExchangeContract): Topology {
  return { exchanges: withAlternates(contract).map(declarationOf), queues: [], bindings: [], existing: [] };
}

/** A contract's stream, and the queue for what its readers cannot handle: they copy it there, the broker does not. */
export function streamTopology({ name, maxAgeMs, maxBytes, segmentBytes }: StreamContract): Topology {
  const args = {
    'x-queue-type': 'stream',
    ...(maxAgeMs !== undefined && { 'x-max-age': `${maxAgeMs / 1_000}s` }),
    ...(maxBytes !== undefined && { 'x-max-length-bytes': maxBytes }),
    'x-stream-max-segment-size-bytes': segmentBytes,
  };
  const queues = [deadLetterQueue(deadLetterName(name)), { name, arguments: args }];
  return { exchanges: [], queues, bindings: [], existing: [] };
}

/**
 * What stands around a queue that somebody else declares: rungs, the way back from them, the dead-letter queue. The
 * queue itself must exist. What dies in it by the broker's hand goes where its own arguments say.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID when names cannot be derived from the queue's
 */
export function rawQueueTopology(queue: string, retry: RetryPolicy): Topology {
  checkEntityName('existing queue', queue, longestSuffix(retry));
  return withDelays({ ...surroundings(queue, retry), existing: [queue] }, queue, retry);
}

/** One more rung, for a `RetryLater` that no rung of the contract fits. The queue's own topology must stand already. */
export function rungTopology(queue: string, delayMs: number): Topology {
  return { exchanges: [], queues: [rung(queue, delayMs)], bindings: [], existing: [] };
}

/** Where messages wait for an earlier one of their key. The queue's own topology must stand already. */
export function waitingTopology(queue: string): Topology {
  const args = {
    'x-queue-type': 'quorum',
    'x-single-active-consumer': true,
    'x-dead-letter-exchange': deadLetterName(queue),
    ...safeDeath,
    ...neverDies,
  };
  return { exchanges: [], queues: [{ name: waitingName(queue), arguments: args }], bindings: [], existing: [] };
}

/** The smallest delay that is long enough, else the longest; undefined when there is none. All in milliseconds. */
export function smallestRung(delaysMs: readonly number[], askedMs: number): number | undefined {
  return delaysMs.find((delayMs) => delayMs >= askedMs) ?? delaysMs.at(-1);
}

/** A policy of its own kind of waits needs the delay network. */
function withDelays(own: Topology, queue: string, { exponential }: RetryPolicy): Topology {
  return exponential === undefined ? own : joined(own, delayWay({ kind: 'queue', name: queue }, exponential.maxMs));
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
  const single: HeaderTable = contract.singleActiveConsumer ? { 'x-single-active-consumer': true } : {};
  const common = { 'x-queue-type': contract.type, 'x-dead-letter-exchange': dead, ...single };
  // Classic queues refuse a strategy and a delivery limit.
  const rest: HeaderTable =
    contract.type === 'classic'
      ? { 'x-overflow': 'reject-publish' }
      : { ...safeDeath, 'x-delivery-limit': contract.deliveryLimit };
  return { name: contract.name, arguments: { ...common, ...rest, ...brokerRetry(contract.retry) } };
}

/** Only what was rejected is kept back: a message given back at shutdown is handed out at once. */
function brokerRetry({ broker }: RetryPolicy): HeaderTable {
  if (broker === undefined) return {};
  return {
    'x-delayed-retry-type': 'failed',
    'x-delayed-retry-min': broker.minMs,
    'x-delayed-retry-max': broker.maxMs,
  };
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
