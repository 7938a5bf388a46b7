import type { DatabaseSync } from 'node:sqlite';
import { isCorruption } from './file-fault.ts';
import { checksumOf } from './row-checksum.ts';
import type { Row } from './stored-row.ts';

/** Numbers that are tried one by one behind what cannot be read; then the steps double. More than a page has rows. */
const triedOneByOne = 4_096;

/** Every row of a damaged table that can be read and is as it was stored, by its number. */
export function* readableRows(source: DatabaseSync, table: string, columns: string): Generator<Row> {
  const rows = `SELECT ${columns} FROM ${table} WHERE seq >= ? ORDER BY seq`;
  let from: number | undefined = 1;
  while (from !== undefined) {
    try {
      for (const row of source.prepare(rows).iterate(from) as Iterable<Row>) {
        if (!isSound(row)) continue;
        yield row;
        from = Number(row.seq) + 1;
      }
      return;
    } catch (error) {
      if (!isCorruption(error)) throw error;
    }
    const one = tried(() => source.prepare(`${rows} LIMIT 1`).get(from as number));
    if (one !== 'unreadable' && one !== undefined && isSound(one)) yield one;
    from = nextReadable(source, table, from + 1);
  }
}

/** Where reading can go on; undefined when nothing comes any more. */
function nextReadable(source: DatabaseSync, table: string, from: number): number | undefined {
  const look = (at: number): Row | undefined | 'unreadable' =>
    tried(() => source.prepare(`SELECT seq FROM ${table} WHERE seq >= ? ORDER BY seq LIMIT 1`).get(at));
  for (let step = 0; from + step < Number.MAX_SAFE_INTEGER; step = step < triedOneByOne ? step + 1 : step * 2) {
    const found = look(from + step);
    if (found === undefined) return undefined;
    if (found === 'unreadable') continue;
    return step <= triedOneByOne ? from + step : firstReadable(from + step / 2, from + step, look);
  }
  return undefined;
}

/** Between one that cannot be read and one that can. */
function firstReadable(bad: number, good: number, look: (at: number) => Row | undefined | 'unreadable'): number {
  let [low, high] = [bad, good];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (look(middle) === 'unreadable') low = middle;
    else high = middle;
  }
  return high;
}

function tried(read: () => Row | undefined): Row | undefined | 'unreadable' {
  try {
    return read();
  } catch (error) {
    if (isCorruption(error)) return 'unreadable';
    throw error;
  }
}

function isSound(row: Row): boolean {
  const { seq, id, contract, exchange, routing_key: routingKey, properties, headers, content } = row;
  if (!Number.isSafeInteger(seq) || !(content instanceof Uint8Array)) return false;
  const words = [id, exchange, routingKey, properties];
  if (words.some((word) => typeof word !== 'string')) return false;
  const rest = { contract: contract ?? undefined, headers: headers ?? undefined, acceptedAt: 0, attempts: 0 };
  const message = { seq, id, exchange, routingKey, properties, ...rest } as unknown as Parameters<typeof checksumOf>[0];
  return checksumOf(message, content) === row.checksum;
}
