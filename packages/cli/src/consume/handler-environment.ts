import type { ReceivedMessage } from '@surehop/core';
import { tableToPlain } from '@surehop/core/internal';
import { textOf } from '../exact-json.ts';
import type { Environment } from '../terminal.ts';

/** A longer value is left out. Linux starts no program with a variable above 128 KiB, or with more than about 2 MiB in all. */
const longestValueBytes = 32 * 1_024;
const longestInAllBytes = 256 * 1_024;

/** What a handler's program is told of its message. */
export type Told = Pick<
  ReceivedMessage<unknown>,
  'queue' | 'attempt' | 'redelivered' | 'deliveryCount' | 'exchange' | 'routingKey' | 'properties' | 'headers'
>;

/**
 * The environment of a handler's program: the surrounding one, and the message's properties and headers by the names that
 * docs/cli.md lists. What an environment cannot carry (a NUL, too long a value, two headers of one name) is left out, and
 * its names are in SUREHOP_OMITTED, separated by spaces.
 */
export function handlerEnvironment(surrounding: Environment, message: Told): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(surrounding)) {
    // One `surehop consume` may run inside another's handler: what that was told is not this message's.
    if (value !== undefined && !name.startsWith('SUREHOP_')) environment[name] = value;
  }
  const omitted = new Set<string>();
  let sizeBytes = 0;
  for (const [name, value] of variables(message)) {
    const size = name.length + Buffer.byteLength(value);
    const fits = size <= longestValueBytes && sizeBytes + size <= longestInAllBytes && !value.includes('\0');
    if (fits && !(name in environment)) {
      environment[name] = value;
      sizeBytes += size;
    } else if (omitted.size < 100) {
      omitted.add(name);
    }
  }
  if (omitted.size > 0) environment.SUREHOP_OMITTED = [...omitted].join(' ');
  return environment;
}

function* variables(message: Told): Generator<readonly [name: string, value: string]> {
  const { queue, attempt, redelivered, deliveryCount, exchange, routingKey, properties, headers } = message;
  const told = { queue, attempt, redelivered, deliveryCount, exchange, routingKey, ...properties };
  for (const [name, value] of Object.entries(told)) yield [`SUREHOP_${constantCase(name)}`, String(value)];
  for (const [name, value] of Object.entries(headers)) yield [`SUREHOP_HEADER_${shellName(name)}`, headerText(value)];
}

/** `messageId` is `MESSAGE_ID`. */
function constantCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** Upper case, and an underscore for everything that a shell takes in no name: `x-tenant.id` is `X_TENANT_ID`. */
function shellName(header: string): string {
  return header
    .slice(0, 255)
    .replaceAll(/[^A-Za-z0-9]/g, '_')
    .toUpperCase();
}

/** Texts and numbers as they are, bytes as text or base64, the rest as JSON. */
function headerText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return textOf(value) ?? Buffer.from(value).toString('base64');
  const { it } = tableToPlain({ it: value });
  return typeof it === 'object' && it !== null ? JSON.stringify(it) : String(it ?? '');
}
