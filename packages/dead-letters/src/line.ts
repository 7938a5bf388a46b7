import { isUtf8 } from 'node:buffer';
import type { HeaderTable, MessageProperties } from '@surehop/core';
import {
  asError,
  base64Of,
  bytesOf,
  encodableHeaders,
  shortStrings,
  tableFromPlain,
  tableToPlain,
} from '@surehop/core/internal';
import type { DeadMessage } from './dead-message.ts';

/** What a line of an export says: a message, and the queue it was in. */
export interface ReadLine {
  readonly queue: string;
  readonly content: Uint8Array;
  readonly properties: MessageProperties;
  readonly headers: HeaderTable;
}

const version = 1;

/** Longer bodies are not shown as text too, in bytes. */
const longestText = 65_536;

/** One message as a line of JSON, without the newline. `text` and `failure` are there for people; nothing reads them back. */
export function lineOf(message: DeadMessage): string {
  const { id, queue, exchange, routingKey, content, properties, headers, failure } = message;
  const { failedAt, firstFailedAt, reason, error, attempts, replayed } = failure;
  const isText = content.length <= longestText && isUtf8(content);
  return JSON.stringify({
    v: version,
    id,
    queue,
    exchange,
    routingKey,
    ...(failedAt !== undefined && { at: new Date(failedAt).toISOString() }),
    properties,
    headers: tableToPlain(headers),
    body: base64Of(content),
    ...(isText && { text: Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString() }),
    failure: {
      reason,
      name: error?.name,
      code: error?.code,
      message: error?.message,
      queue: failure.queue,
      attempts,
      ...(firstFailedAt !== undefined && { firstFailedAt: new Date(firstFailedAt).toISOString() }),
      replayed: replayed.count,
    },
  });
}

/** The message of a line, or why it has none. */
export function readLine(text: string): ReadLine | { readonly why: string } {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return { why: 'it is not JSON' };
  }
  if (typeof line !== 'object' || line === null || Array.isArray(line)) return { why: 'it is no object' };
  const { v, queue, properties, headers, body } = line as Record<string, unknown>;
  if (v !== version) return { why: `its version (v) is not ${version}` };
  if (typeof queue !== 'string' || queue === '') return { why: 'it names no queue' };
  if (body === undefined) return { why: 'it has no body' };
  return part(
    'body',
    () => bytesOf(body),
    (content) =>
      part(
        'headers',
        () => readHeaders(headers),
        (table) =>
          part(
            'properties',
            () => readProperties(properties),
            (known) => ({
              queue,
              content,
              properties: known,
              headers: table,
            }),
          ),
      ),
  );
}

type Damaged = { readonly why: string };

function part<T>(name: string, read: () => T, then: (value: T) => ReadLine | Damaged): ReadLine | Damaged {
  let value: T;
  try {
    value = read();
  } catch (thrown) {
    return { why: `its ${name} cannot be read: ${asError(thrown).message}` };
  }
  return then(value);
}

function readHeaders(headers: unknown): HeaderTable {
  if (headers === undefined) return {};
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    throw new TypeError('they are no object');
  return encodableHeaders(tableFromPlain(headers as Record<string, unknown>), 'the line');
}

/** The largest that the protocol carries. */
const numbers = {
  deliveryMode: 255,
  priority: 255,
  timestamp: 2 ** 64 - 2 ** 11,
} as const satisfies Partial<Record<keyof MessageProperties, number>>;

function readProperties(properties: unknown): MessageProperties {
  if (properties === undefined) return {};
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) {
    throw new TypeError('they are no object');
  }
  const known: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(properties)) {
    if ((shortStrings as readonly string[]).includes(name)) {
      if (typeof value !== 'string' || Buffer.byteLength(value) > 255) throw new TypeError(`${name} is no short text`);
    } else if (Object.hasOwn(numbers, name)) {
      const isNumber = Number.isInteger(value) && (value as number) >= 0;
      if (!isNumber || (value as number) > numbers[name as keyof typeof numbers])
        throw new TypeError(`${name} is no number that fits`);
    } else {
      throw new TypeError(`nothing is called ${name.slice(0, 40)}`);
    }
    known[name] = value;
  }
  return known;
}
