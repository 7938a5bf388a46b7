import { isUint8Array } from 'node:util/types';
import type { HeaderTable } from '@surehop/core';
import { asError, encodableHeaders, headerNames, invalid, knownKeys } from '@surehop/core/internal';
import type { DeadMessage } from './dead-message.ts';
import type { EditedMessage } from './replay-options.ts';

/** A message as it is to be replayed, and the id it had before it was edited. */
export interface Edition {
  readonly message: DeadMessage;
  readonly replacedId: string | undefined;
}

/**
 * The message as its editor wants it, under a new id: consumers that keep a list of ids would take it for the old one.
 *
 * @throws what the editor throws, and {SurehopError} for what no message can have
 */
export function edited(
  message: DeadMessage,
  edit: ((message: DeadMessage) => EditedMessage | undefined) | undefined,
  newId: () => string,
): Edition {
  const given = edit?.(message);
  if (given === undefined) return { message, replacedId: undefined };
  knownKeys('what edit returns', given, ['content', 'headers', 'properties']);
  const { content = message.content, headers, properties } = given;
  if (!isUint8Array(content)) invalid('content must be a Uint8Array');
  const fresh: DeadMessage = {
    ...message,
    content,
    headers: headers === undefined ? message.headers : withOrigin(encodableHeaders(headers), message.headers),
    properties: { ...message.properties, messageId: newId(), ...properties },
  };
  return { message: fresh, replacedId: message.id };
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
