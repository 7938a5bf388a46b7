import { type HeaderTable, type MessageProperties, SurehopError } from '@surehop/core';
import { integer, kindOf, knownKeys } from '@surehop/core/internal';
import type { SetAsideReason, SetAsideRow } from './protocol.ts';
import { propertiesIn } from './stored-properties.ts';
import { fromText } from './stored-value.ts';

/** A spooled message that is not sent any more, until a person says so. */
export interface SetAsideSpoolMessage {
  /** Its number in the file, as text: by it, it is sent again or discarded. */
  readonly position: string;
  readonly messageId: string;
  /** `refused` by the broker past its tries, `expired` past `maxAgeMs`, or `damaged`: its bytes are not those that were stored. */
  readonly reason: SetAsideReason;
  /** The last error. */
  readonly error: { readonly code: string; readonly message: string };
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Uint8Array;
  readonly properties: MessageProperties;
  /** Of a message with a delay: when it was to come. One that is sent again later than that comes at once. */
  readonly deliverAt: Date | undefined;
  readonly headers: HeaderTable | undefined;
  /** Tries that the broker has refused. */
  readonly attempts: number;
  readonly acceptedAt: Date;
  readonly setAsideAt: Date;
}

export interface ListSetAsideOptions {
  /** 1 to 10_000. @default 100 */
  readonly limit?: number;
  /** Only those behind this position: the last of the page before. @default from the start */
  readonly after?: string;
}

/** @throws {SurehopError} SUREHOP_OPTION_INVALID */
export function checkedList(given: ListSetAsideOptions): { readonly after: number; readonly limit: number } {
  knownKeys('listSetAside', given, ['limit', 'after']);
  const { limit = 100, after } = given;
  integer('limit', limit, 1, 10_000);
  return { limit, after: after === undefined ? 0 : seqOf('after', after) };
}

/** @throws {SurehopError} SUREHOP_OPTION_INVALID */
export function checkedPositions(given: readonly string[]): number[] {
  if (!Array.isArray(given)) invalid(`positions must be an array, got ${kindOf(given)}`);
  return given.map((position, index) => seqOf(`positions[${index}]`, position));
}

export function setAsideMessage(row: SetAsideRow): SetAsideSpoolMessage {
  const { seq, id, reason, code, error, exchange, routingKey, content, attempts } = row;
  const { properties = {}, deliverAt } = readable(row.properties, propertiesIn) as Partial<
    ReturnType<typeof propertiesIn>
  >;
  return {
    position: String(seq),
    messageId: id,
    reason,
    error: { code, message: error },
    exchange,
    routingKey,
    content,
    properties,
    deliverAt: deliverAt === undefined ? undefined : new Date(deliverAt),
    headers: row.headers === undefined ? undefined : (readable(row.headers, fromText) as HeaderTable),
    attempts,
    acceptedAt: new Date(row.acceptedAt),
    setAsideAt: new Date(row.setAsideAt),
  };
}

/** Of a damaged message nothing need be as it was. */
function readable(text: string, read: (text: string) => unknown): unknown {
  try {
    return read(text);
  } catch {
    return {};
  }
}

function seqOf(option: string, position: unknown): number {
  if (typeof position === 'string' && /^\d{1,16}$/.test(position)) return Number(position);
  return invalid(`${option} must be a position that listSetAside() gave, got ${kindOf(position)}`);
}

function invalid(message: string): never {
  throw new SurehopError('SUREHOP_OPTION_INVALID', message, { retryable: false });
}
