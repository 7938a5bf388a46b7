import { isUint8Array } from 'node:util/types';
import { textOf } from '@surehop/core/internal';
import type { DeadMessage } from '../dead-message.ts';
import type { Subject } from './subject.ts';
import { unescaped } from './tokens.ts';

/** What a filter can ask a message for. */
export interface Field {
  /**
   * `text`: as written. `number`: compared with numbers only. `moment`: milliseconds since the Unix epoch, compared with
   * dates. `any`: what the publisher made of it.
   */
  readonly kind: 'text' | 'number' | 'moment' | 'any';
  readonly read: (subject: Subject) => unknown;
}

type Read = (message: DeadMessage) => unknown;

const texts: Readonly<Record<string, Read>> = {
  id: ({ id }) => id,
  queue: ({ failure }) => failure.queue,
  exchange: ({ failure }) => failure.exchange,
  routingKey: ({ failure }) => failure.routingKey,
  reason: ({ failure }) => failure.reason,
  source: ({ failure }) => failure.source,
  'error.name': ({ failure }) => failure.error?.name,
  'error.message': ({ failure }) => failure.error?.message,
  'error.code': ({ failure }) => failure.error?.code,
  contentType: ({ properties }) => properties.contentType,
  type: ({ properties }) => properties.type,
  appId: ({ properties }) => properties.appId,
  correlationId: ({ properties }) => properties.correlationId,
};

const numbers: Readonly<Record<string, Read>> = {
  attempts: ({ failure }) => failure.attempts,
  replayed: ({ failure }) => failure.replayed.count,
  size: ({ content }) => content.length,
};

const moments: Readonly<Record<string, Read>> = {
  failedAt: ({ failure }) => failure.failedAt,
  firstFailedAt: ({ failure }) => failure.firstFailedAt,
};

/** For the message of an error. */
export const knownFields: readonly string[] = [
  ...[...Object.keys(texts), ...Object.keys(numbers), ...Object.keys(moments)].toSorted(),
  'header.<name>',
  'body',
  'body.<path>',
];

/** The field of this name; undefined when there is none. */
export function fieldOf(name: string): Field | undefined {
  const fixed = fixedField(name);
  if (fixed !== undefined) return fixed;
  if (name === 'body') return { kind: 'text', read: ({ text }) => text };
  const root = /^(header|body)(?=[.[])/.exec(name)?.[1];
  const path = root === undefined ? undefined : pathOf(name.slice(root.length));
  if (path === undefined) return undefined;
  if (root === 'body') return { kind: 'any', read: ({ json }) => walk(json, path) };
  return { kind: 'any', read: ({ message }) => header(message, path) };
}

function fixedField(name: string): Field | undefined {
  for (const [kind, fields] of [
    ['text', texts],
    ['number', numbers],
    ['moment', moments],
  ] as const) {
    const read = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (read !== undefined) return { kind, read: ({ message }) => read(message) };
  }
  return undefined;
}

const step =
  /\.(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^.[\]'"]+))|\[(?:(\d{1,9})|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/sy;

/** `items`, `0`, `my id` of `.items[0]."my id"`; undefined for what is no path. */
function pathOf(text: string): readonly string[] | undefined {
  const path: string[] = [];
  step.lastIndex = 0;
  for (let end = 0; end < text.length; end = step.lastIndex) {
    const found = step.exec(text);
    if (found === null) return undefined;
    const [, single, double, plain, index, bracketSingle, bracketDouble] = found;
    path.push(plain ?? index ?? unescaped(single ?? double ?? bracketSingle ?? bracketDouble ?? ''));
  }
  return path.length === 0 ? undefined : path;
}

/** A header's own name may have dots: the longest beginning of the path that is one is taken. */
function header({ headers }: DeadMessage, path: readonly string[]): unknown {
  for (let length = path.length; length > 0; length -= 1) {
    const name = path.slice(0, length).join('.');
    if (Object.hasOwn(headers, name)) return walk(headers[name], path.slice(length));
  }
  return undefined;
}

function walk(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const name of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return undefined;
    current = (current as Record<string, unknown>)[name];
  }
  // Several clients write strings as bytes.
  return isUint8Array(current) ? textOf(current) : current;
}
