import { tableToPlain } from '@surehop/core/internal';
import type { DeadMessage } from '@surehop/dead-letters';
import { bodyJson } from '../message-json.ts';

/** A dead letter as a program reads it: moments as ISO 8601, the body decoded where it is JSON. */
export function deadMessageJson(message: DeadMessage): Record<string, unknown> {
  const { id, queue, exchange, routingKey, redelivered, properties, headers, content, failure } = message;
  const { replayed } = failure;
  return {
    id,
    queue,
    exchange,
    routingKey,
    redelivered,
    failure: {
      ...failure,
      firstFailedAt: isoOrUndefined(failure.firstFailedAt),
      failedAt: isoOrUndefined(failure.failedAt),
      replayed: { ...replayed, at: isoOrUndefined(replayed.at) },
    },
    properties,
    headers: tableToPlain(headers),
    ...bodyJson(content, properties.contentType),
  };
}

export function isoOrUndefined(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : new Date(epochMs).toISOString();
}
