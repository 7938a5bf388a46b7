import type { HeaderTable } from '@surehop/core';
import type { Death, DeathReason, Entry, Message } from './message.ts';
import type { Release } from './release.ts';

export interface DeathPlace {
  readonly queue: string;
  readonly deadLetterExchange: string;
  /** Undefined keeps the message's own. */
  readonly deadLetterRoutingKey: string | undefined;
}

/** The message as it leaves a queue in which it died. */
export function deadLettered(
  entry: Entry,
  reason: DeathReason,
  place: DeathPlace,
  release: Release,
  epochMs: number,
): Message {
  const { message } = entry;
  const { expiration, ...properties } = message.properties;
  const known = message.deaths.find((death) => death.queue === place.queue && death.reason === reason);
  const death: Death = {
    queue: place.queue,
    reason,
    exchange: message.exchange,
    routingKeys: [message.routingKey],
    time: Math.floor(epochMs / 1_000),
    count: (known?.count ?? 0) + 1,
    ...(expiration !== undefined && { originalExpiration: expiration }),
  };
  const { CC, BCC: _, ...headers } = message.headers ?? {};
  const keepsCopies = CC !== undefined && place.deadLetterRoutingKey === undefined;
  return {
    ...message,
    exchange: place.deadLetterExchange,
    routingKey: place.deadLetterRoutingKey ?? message.routingKey,
    properties,
    headers: keepsCopies ? { ...headers, CC } : headers,
    deaths: [death, ...message.deaths.filter((one) => one !== known)],
    firstDeath: message.firstDeath ?? death,
    carried: release.carriesCounts ? { delivery: entry.deliveryCount, acquired: entry.acquiredCount } : undefined,
  };
}

/** Whether it comes to this queue again without anybody having rejected it in between. */
export function isCycle({ deaths }: Message, queue: string): boolean {
  const last = deaths.findIndex((death) => death.queue === queue);
  return last >= 0 && deaths.slice(0, last + 1).every(({ reason }) => reason !== 'rejected');
}

/** What a consumer sees of a message's deaths. */
export function deathHeaders({ deaths, firstDeath }: Message, release: Release): HeaderTable {
  const [last] = deaths;
  if (last === undefined || firstDeath === undefined) return {};
  return {
    'x-death': deaths.map(deathTable),
    'x-first-death-exchange': firstDeath.exchange,
    'x-first-death-queue': firstDeath.queue,
    'x-first-death-reason': firstDeath.reason,
    ...(release.ownsDeaths && {
      'x-last-death-exchange': last.exchange,
      'x-last-death-queue': last.queue,
      'x-last-death-reason': last.reason,
    }),
  };
}

/** Until 4.0 the broker goes on from an `x-death` that a publisher has copied, where it is well formed. */
export function deathsIn(headers: HeaderTable | undefined): Death[] {
  const given = headers?.['x-death'];
  if (!Array.isArray(given)) return [];
  return given.flatMap((table: Record<string, unknown> | null) => {
    if (typeof table?.queue !== 'string' || typeof table.reason !== 'string') return [];
    return {
      queue: table.queue,
      reason: table.reason as DeathReason,
      exchange: String(table.exchange ?? ''),
      routingKeys: Array.isArray(table['routing-keys']) ? table['routing-keys'].map(String) : [],
      time: Number((table.time as { value?: unknown } | undefined)?.value ?? 0),
      count: typeof table.count === 'number' ? table.count : 1,
    };
  });
}

/** As amqplib reads it: a timestamp is a table of its own. */
function deathTable(death: Death): HeaderTable {
  return {
    count: death.count,
    exchange: death.exchange,
    queue: death.queue,
    reason: death.reason,
    'routing-keys': [...death.routingKeys],
    time: { '!': 'timestamp', value: death.time },
    ...(death.originalExpiration !== undefined && { 'original-expiration': death.originalExpiration }),
  };
}
