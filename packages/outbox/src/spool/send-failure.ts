import { type ErrorCode, isSurehopError, type SurehopError } from '@surehop/core';

/** Answers that speak of the message or its address. Anything else speaks of the connection, and says nothing against the message. */
const answers: readonly ErrorCode[] = [
  'SUREHOP_UNROUTABLE',
  'SUREHOP_REFUSED',
  'SUREHOP_ACCESS_REFUSED',
  'SUREHOP_EXCHANGE_NOT_FOUND',
  'SUREHOP_TOPOLOGY_MISMATCH',
  'SUREHOP_MESSAGE_TOO_LARGE',
  'SUREHOP_HEADERS_TOO_LARGE',
  'SUREHOP_PROPERTIES_INVALID',
  'SUREHOP_CONTRACT_INVALID',
  'SUREHOP_OPTION_INVALID',
];

/** What the broker has against the message; undefined where it was merely not sent, or not answered. */
export function refusalIn(thrown: unknown): SurehopError | undefined {
  if (!isSurehopError(thrown)) return undefined;
  if (answers.includes(thrown.code)) return thrown;
  // An earlier write may be stored, the last one was answered.
  return thrown.code === 'SUREHOP_PUBLISH_UNKNOWN' ? refusalIn(thrown.cause) : undefined;
}
