import { isUint8Array } from 'node:util/types';
import type { HeaderTable } from '@surehop/core';
import { asError, encodableHeaders, headerNames, invalid, knownKeys } from '@surehop/core/internal';
import type { DeadMessage } from './dead-message.ts';
import { hashOf, lasting } from './message-hash.ts';
import type { EditedMessage } from './replay-options.ts';

/** A message as it is to be replayed, and the id it had before it was edited. */
export interface Edition {
  readonly message: DeadMessage;
  readonly replacedId: string | undefined;
}

/**
 * The message as its editor wants it, under a new id: consumers that keep a list of ids would take it for the old one. The new
 * id is made of the old one and of what the message has become: a run that goes on after a kill sends it under the same.
 *
 * @throws what the editor throws, and {SurehopError} for what no message can have
 */
export function edited(
  message: DeadMessage,
  edit: ((message: DeadMessage) => EditedMessage | undefined) | undefined,
): Edition {
  const given = edit?.(message);
  if (given === undefined) return { message, replacedId: undefined };
  knownKeys('what edit returns', given, ['content', 'headers', 'properties']);
  const { content = message.content, headers, properties } = given;
  if (!isUint8Array(content)) invalid('content must be a Uint8Array');
  const fresh: Omit<DeadMessage, 'properties'> = {
    ...message,
    content,
    headers: headers === undefined ? message.headers : withOrigin(encodableHeaders(headers), message.headers),
  };
  const messageId = idOf([message.id, content, lasting(fresh.headers), properties]);
  return {
    message: { ...fresh, properties: { ...message.properties, messageId, ...properties } },
    replacedId: message.id,
  };
}

/** A UUID of the version that is left to whoever makes it (8, of RFC 9562). */
function idOf(parts: readonly unknown[]): string {
  const digits = hashOf(parts);
  const variant = ((Number.parseInt(digits.charAt(16), 16) & 0x3) | 0x8).toString(16);
  const groups = [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ];
  return groups.join('-');
}

/** Where it failed and was first published, and its history, are not the editor's: they are kept. */
function withOrigin(headers: HeaderTable, before: HeaderTable): HeaderTable {
  const { history, queue, exchange, routingKey } = headerNames;
  const kept = [history, queue, exchange, routingKey].filter((name) => before[name] !== undefined);
  const origin = Object.fromEntries(kept.map((name) => [name, before[name]]));
  return { ...origin, ...headers };
}

/** Why a message could not be edited, for the report. */
export function whyNotEdited(thrown: unknown): string {
  return `it could not be edited: ${asError(thrown).message}`;
}
