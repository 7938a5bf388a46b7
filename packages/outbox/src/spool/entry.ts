import type { HeaderTable, MessageProperties, SurehopError } from '@surehop/core';
import type { WithDeadline } from '@surehop/core/internal';
import type { MessageRow } from './protocol.ts';
import type { SpoolReceipt } from './spool-receipt.ts';
import { propertiesIn } from './stored-properties.ts';
import { fromText } from './stored-value.ts';

/**
 * Where a message is, as far as the file goes:
 *
 *   checking ─▶ waiting ─▶ queued ─▶ writing ─▶ disk
 *   (a schema)  (for room)   └──────────┴─────▶ nowhere   (the disk refused it, or was not asked)
 */
export type Place = 'checking' | 'waiting' | 'queued' | 'writing' | 'disk' | 'nowhere';

export interface Caller {
  readonly resolve: (receipt: SpoolReceipt) => void;
  readonly reject: (error: SurehopError) => void;
}

/** A message in the making: everything but its place in the line. */
export interface Draft {
  readonly row: Omit<MessageRow, 'seq' | 'acceptedAt'>;
  readonly properties: MessageProperties;
  /** Of a delayed message, by the spool's own time: the broker is to keep it until then. */
  readonly deliverAt: number | undefined;
  readonly headers: HeaderTable | undefined;
  readonly content: Uint8Array;
  /** The caller has chosen the id, so that the file may have it already. */
  readonly hasGivenId: boolean;
}

/** One message that is in memory: accepted and not on the disk yet, or on its way to the broker. */
export interface Entry extends Draft, WithDeadline {
  seq: number;
  /** By the spool's own time. */
  acceptedAt: number;
  /** Of body and headers. */
  readonly bytes: number;
  /** Of the callers, as is `deadlineAt`. */
  readonly deadlineMs: number;
  /** Empty once they are told. */
  callers: Caller[];
  place: Place;
  /** On its way to the broker. */
  isHanded: boolean;
  isConfirmed: boolean;
  readonly isFromFile: boolean;
  /** Read from the file as one that was due for another try. */
  readonly isRetry: boolean;
  /** Takes it back from the way to the broker; shared by many. */
  hold: AbortController | undefined;
  /** Why the disk has not got it. */
  trouble: SurehopError | undefined;
  /** What the broker has against it, while the disk has not answered. */
  refusal: SurehopError | undefined;
}

/** A message that was read from the file. */
export function asEntry(row: MessageRow, content: Uint8Array, isRetry: boolean): Entry {
  return {
    row,
    seq: row.seq,
    acceptedAt: row.acceptedAt,
    ...propertiesIn(row.properties),
    headers: row.headers === undefined ? undefined : (fromText(row.headers) as HeaderTable),
    content,
    hasGivenId: false,
    bytes: content.length + (row.headers?.length ?? 0),
    deadlineAt: Number.POSITIVE_INFINITY,
    pendingAt: undefined,
    deadlineMs: 0,
    callers: [],
    place: 'disk',
    isHanded: false,
    isConfirmed: false,
    isFromFile: true,
    isRetry,
    hold: undefined,
    trouble: undefined,
    refusal: undefined,
  };
}

export function rowOf({ row, seq, acceptedAt }: Entry): MessageRow {
  return { ...row, seq, acceptedAt };
}
