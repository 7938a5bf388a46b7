import type { MessageRow } from './protocol.ts';

/** As SQLite gives it. */
export type Row = Record<string, unknown>;

export function messageRow(row: Row): MessageRow {
  return {
    seq: Number(row.seq),
    id: String(row.id),
    contract: row.contract === null ? undefined : String(row.contract),
    exchange: String(row.exchange),
    routingKey: String(row.routing_key),
    properties: String(row.properties),
    headers: row.headers === null ? undefined : String(row.headers),
    acceptedAt: Number(row.accepted_at),
    attempts: Number(row.attempts),
  };
}

/** One id is one message: one body, to one address. */
export function isSameMessage(present: Row, { exchange, routingKey }: MessageRow, content: Uint8Array): boolean {
  const isThere = present.exchange === exchange && present.routing_key === routingKey;
  return isThere && Buffer.compare(present.content as Uint8Array, content) === 0;
}
