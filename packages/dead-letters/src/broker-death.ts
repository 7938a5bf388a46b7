import type { HeaderTable } from '@surehop/core';
import { textOf } from '@surehop/core/internal';
import { timestampOf } from './library-failures.ts';

/** What the broker's own header says of the last time that it dead-lettered a message. */
export interface BrokerDeath {
  /** As the broker says it, for example `delivery_limit`. */
  readonly reason: string | undefined;
  /** Where it died, a rung's counted as its queue's. */
  readonly queue: string | undefined;
  /** Where it had been published, as far as the broker tells. */
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
  readonly at: number | undefined;
}

/** The newest entry of `x-death`; undefined where there is none that makes sense. Never throws. */
export function readBrokerDeath(headers: HeaderTable): BrokerDeath | undefined {
  const deaths = headers['x-death'];
  const newest: unknown = Array.isArray(deaths) ? deaths[0] : undefined;
  if (typeof newest !== 'object' || newest === null) return undefined;
  const { reason, queue, exchange, 'routing-keys': keys, time } = newest as Record<string, unknown>;
  const [why, where] = [textOf(reason), textOf(queue)];
  if (why === undefined && where === undefined) return undefined;
  const [from, key] = [textOf(exchange), textOf(Array.isArray(keys) ? keys[0] : undefined)];
  const isKnown = from !== undefined && key !== undefined;
  return {
    reason: why,
    queue: where === undefined ? undefined : queueOfRung(where),
    exchange: isKnown ? from : undefined,
    routingKey: isKnown ? key : undefined,
    at: timestampOf(time),
  };
}

function queueOfRung(name: string): string {
  return /^(.+)\.retry\.\d+$/s.exec(name)?.[1] ?? name;
}
