import type { HeaderTable } from '@surehop/core';
import { headerNames, textOf, waitingName } from '@surehop/core/internal';
import { timestampOf } from './library-failures.ts';

/** What the broker's own header says of the last time that it dead-lettered a message. */
export interface BrokerDeath {
  /** As the broker says it, for example `delivery_limit`. */
  readonly reason: string | undefined;
  /** Where it died, a rung's and a waiting queue's counted as their queue's. */
  readonly queue: string | undefined;
  /** Where it had been published, as far as the broker tells. */
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
  readonly at: number | undefined;
}

/**
 * The newest entry of `x-death`; undefined where there is none that makes sense. Never throws.
 *
 * @param contractQueue whose dead letters lie where the message does, as far as a name tells
 */
export function readBrokerDeath(headers: HeaderTable, contractQueue: string | undefined): BrokerDeath | undefined {
  const deaths = headers['x-death'];
  const newest: unknown = Array.isArray(deaths) ? deaths[0] : undefined;
  if (typeof newest !== 'object' || newest === null) return undefined;
  const { reason, queue, exchange, 'routing-keys': keys, time } = newest as Record<string, unknown>;
  const [why, where] = [textOf(reason), textOf(queue)];
  if (why === undefined && where === undefined) return undefined;
  const [from, key] = [textOf(exchange), textOf(Array.isArray(keys) ? keys[0] : undefined)];
  const waited = where === undefined ? undefined : waitingFor(where, headers, contractQueue);
  return {
    reason: why,
    queue: waited?.queue ?? (where === undefined ? undefined : queueOfRung(where)),
    ...(waited?.origin ?? originOf(from, key)),
    at: timestampOf(time),
  };
}

type Origin = Pick<BrokerDeath, 'exchange' | 'routingKey'>;

/** Both or neither. */
function originOf(exchange: string | undefined, routingKey: string | undefined): Origin {
  const isKnown = exchange !== undefined && routingKey !== undefined;
  return isKnown ? { exchange, routingKey } : { exchange: undefined, routingKey: undefined };
}

function queueOfRung(name: string): string {
  return /^(.+)\.retry\.\d+$/s.exec(name)?.[1] ?? name;
}

/**
 * What died in a waiting queue: where it had come from says its own header, and the broker only that a consumer had put
 * it there. Others have queues called `….waiting` too: undefined for those.
 */
function waitingFor(
  name: string,
  headers: HeaderTable,
  contractQueue: string | undefined,
): { queue: string; origin: Origin | undefined } | undefined {
  const ending = waitingName('');
  const queue = name.endsWith(ending) ? name.slice(0, -ending.length) : '';
  const note: unknown = headers[headerNames.waiting];
  const isNoted = typeof note === 'object' && note !== null;
  if (queue === '' || !(isNoted || queue === contractQueue)) return undefined;
  const { exchange, 'routing-key': routingKey } = (isNoted ? note : {}) as Record<string, unknown>;
  const origin = originOf(textOf(exchange), textOf(routingKey));
  return { queue, origin: origin.exchange === undefined ? undefined : origin };
}
