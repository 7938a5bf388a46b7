import type { HeaderTable } from '@surehop/core';
import type { BindingView, ExchangeView, QueueView } from '../management-views.ts';

/** What stands on the broker, as far as it can be known. */
export interface Found {
  /** `amqp` knows that something exists, and no more. */
  readonly by: 'management' | 'amqp';
  readonly queues: ReadonlyMap<string, FoundEntity>;
  readonly exchanges: ReadonlyMap<string, FoundEntity>;
  /** Undefined over AMQP. */
  readonly bindings: readonly FoundBinding[] | undefined;
}

export interface FoundEntity {
  /** Everything that two declarations of it must agree on, arguments included; undefined when it is not known. */
  readonly properties: HeaderTable | undefined;
}

export interface FoundBinding {
  readonly exchange: string;
  readonly queue: string;
  readonly routingKey: string;
  readonly arguments: HeaderTable;
}

export interface Views {
  readonly queues: readonly QueueView[];
  readonly exchanges: readonly ExchangeView[];
  readonly bindings: readonly BindingView[];
}

export function foundInViews({ queues, exchanges, bindings }: Views): Found {
  return {
    by: 'management',
    queues: new Map(queues.map((queue) => [queue.name, { properties: queueProperties(queue) }])),
    exchanges: new Map(exchanges.map((exchange) => [exchange.name, { properties: exchangeProperties(exchange) }])),
    bindings: bindings
      .filter(({ destination_type: type }) => type === 'queue')
      .map((binding) => ({
        exchange: binding.source,
        queue: binding.destination,
        routingKey: binding.routing_key,
        arguments: binding.arguments ?? {},
      })),
  };
}

function queueProperties({
  durable,
  auto_delete: autoDelete,
  exclusive,
  arguments: args = {},
}: QueueView): HeaderTable {
  return { durable, 'auto-delete': autoDelete, exclusive: exclusive ?? false, ...args };
}

function exchangeProperties({ type, durable, auto_delete, internal, arguments: args = {} }: ExchangeView): HeaderTable {
  return { type, durable, 'auto-delete': auto_delete, internal, ...args };
}
