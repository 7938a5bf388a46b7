import { createHash } from 'node:crypto';
import { DeadLetter, type ReceivedMessage, SurehopError } from '@surehop/core';

/** What tells a message from every other one. */
export interface Identity {
  readonly id: string;
  /** SHA-256 of the body's bytes. */
  readonly digest: Buffer;
}

/** Of any message: what `idOf` of an inbox is given. */
export type IdOf = (message: ReceivedMessage<unknown>) => string | undefined;

/** @throws {DeadLetter} it has none: there is no telling whether it was handled before, now or at any other attempt */
export function identityOf(message: ReceivedMessage<unknown>, idOf: IdOf | undefined): Identity {
  const id = idOf === undefined ? message.properties.messageId : idOf(message);
  if (typeof id !== 'string' || id === '' || id.includes('\0')) {
    const error = new SurehopError('SUREHOP_MESSAGE_ID_MISSING', 'the message has no id', { retryable: false });
    throw new DeadLetter(`${error.code}: an inbox cannot tell whether it was handled before`, { cause: error });
  }
  return { id, digest: createHash('sha256').update(message.content).digest() };
}

/** Another message under an id that was handled: no attempt will make it a first one. */
export function reused({ id }: Identity): DeadLetter {
  const text = `message ${id} was handled before, with another body`;
  const error = new SurehopError('SUREHOP_MESSAGE_ID_REUSED', text, { retryable: false });
  return new DeadLetter(`${error.code}: ${text}`, { cause: error });
}
