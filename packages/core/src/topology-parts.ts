import type { BindingDeclaration, ExchangeDeclaration, QueueDeclaration } from './driver.ts';
import type { HeaderTable } from './message.ts';

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
export const safeDeath: HeaderTable = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };

/** Of a queue whose messages are handed out and given back as often as need be; -1 would mean 0 on RabbitMQ 3.10. */
export const neverDies: HeaderTable = { 'x-delivery-limit': 2 ** 31 - 1 };

/** The queue for dead letters of this name, as every contract has one. */
export function deadLetterQueue(name: string): QueueDeclaration {
  return {
    name,
    // Looking at dead letters drops none.
    arguments: { 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish', ...neverDies },
  };
}

/** Several topologies in one; what is used by a later one may stand in an earlier one. */
export function joined(...parts: readonly Topology[]): Topology {
  return {
    exchanges: parts.flatMap(({ exchanges }) => exchanges),
    queues: parts.flatMap(({ queues }) => queues),
    bindings: parts.flatMap(({ bindings }) => bindings),
    existing: parts.flatMap(({ existing }) => existing),
  };
}
