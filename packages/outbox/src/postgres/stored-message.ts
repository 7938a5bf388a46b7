import type { HeaderTable, MessageProperties, OutboxMessage } from '@surehop/core';

/** A row of the outbox, as `pg` gives it. */
export interface OutboxRow {
  readonly position: string;
  readonly message_id: string;
  readonly key: string | null;
  readonly exchange: string;
  readonly routing_key: string;
  readonly content: Uint8Array;
  readonly properties: string;
  readonly headers: string | null;
  readonly attempts: number;
  readonly set_aside: boolean;
  readonly delay_ms: number | null;
}

export function messageOf(row: OutboxRow): OutboxMessage {
  return {
    position: row.position,
    messageId: row.message_id,
    key: row.key ?? undefined,
    exchange: row.exchange,
    routingKey: row.routing_key,
    content: row.content,
    properties: JSON.parse(row.properties) as MessageProperties,
    headers: row.headers === null ? undefined : headersFrom(row.headers),
    attempts: row.attempts,
    delayMs: row.delay_ms ?? undefined,
  };
}

/** The key under which bytes stand in JSON, which has none of its own. */
const bytesKey = 'base64 of surehop';

/** @param headers as AMQP can carry them, and nothing else */
export function headersText(headers: HeaderTable | undefined): string | null {
  if (headers === undefined) return null;
  return JSON.stringify(headers, function (this: Record<string, unknown>, key, value: unknown) {
    const given = this[key]; // before a Buffer's toJSON
    return given instanceof Uint8Array ? { [bytesKey]: Buffer.from(given).toString('base64') } : value;
  });
}

function headersFrom(text: string): HeaderTable {
  return JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !(bytesKey in value)) return value;
    return Buffer.from(String(value[bytesKey]), 'base64');
  }) as HeaderTable;
}
