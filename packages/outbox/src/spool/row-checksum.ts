import { crc32 } from 'node:zlib';
import type { MessageRow } from './protocol.ts';

/** Over all that must come out as it went in. SQLite has no checksums in its main file: a flipped bit would be sent. */
export function checksumOf(row: MessageRow, content: Uint8Array): number {
  const { id, contract, exchange, routingKey, properties, headers } = row;
  const words = JSON.stringify([id, contract ?? null, exchange, routingKey, properties, headers ?? null]);
  return crc32(content, crc32(words));
}
