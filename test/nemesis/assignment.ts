import { defineExchange, defineQueue, type ExchangeContract, type QueueContract } from '@surehop/core';
import type { Order } from './behaviour.ts';

/** What a process under test is told at its start, as JSON on its command line. */
export interface Assignment {
  readonly role: Role;
  /** Shown in the broker's list of connections. */
  readonly name: string;
  /** One per node of the cluster, each through a proxy of this process's own. */
  readonly urls: readonly string[];
  readonly seed: number;
  /** Messages a second, on average. Publishers only. */
  readonly rate: number;
  /** Where this process's numbers begin: no number is given twice in a run. Publishers only. */
  readonly firstNumber: number;
}

export type Role = 'publisher' | 'consumer';

/** What a process under test is told while it runs: one line of its standard input each. */
export type Command =
  /** Publish one message that kills its consumers. */
  | 'poison'
  /** Publish nothing more, wait for what is on its way, and end. */
  | 'finish'
  /** Keep the event loop from turning for a while. */
  | `block ${number}`;

/** The descriptor of the journal in a process under test. */
export const journalDescriptor = 3;

/** Redeliveries after which the broker lays a message aside: few, so that a poison message comes to its end. */
export const deliveryLimit = 12;

const delaysMs: readonly number[] = [500, 2_000, 5_000];

export const handlerTimeoutMs = 5_000;
export const handlerGraceMs = 500;

/** How long a deleted binding or exchange may be missing, jitter aside: a sixth of the default, as runs are short. */
export const topologyCheckMs = 10_000;

export const heartbeatSeconds = 3;

/** Where half of the messages go through; its binding is the queue's. */
export const placed: ExchangeContract<Order> = defineExchange('placed', { type: 'direct' });

export const orders: QueueContract<Order> = defineQueue('orders', {
  deliveryLimit,
  retry: { delaysMs },
  bindTo: [{ exchange: placed, routingKey: 'order' }],
});

/** Every queue that may hold a message, the dead-letter queue aside: the delay queues, and where they lead. */
export const liveQueues: readonly string[] = [...delaysMs.map((delayMs) => `orders.retry.${delayMs}`), orders.name];

/** What is there once a message was asked to be retried later: longest delay first, as messages move. */
export const delayQueues: readonly string[] = Array.from(
  { length: 10 },
  (_, level) => `surehop.delay.v1.level.${9 - level}`,
);

export const deadLetterQueue = 'orders.dead-letter';
/** Where delayed messages end that find no way back, as while the queue has been deleted. */
export const delayParking = 'surehop.delay.v1.dead-letter';
