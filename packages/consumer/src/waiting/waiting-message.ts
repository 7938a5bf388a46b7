import type { HeaderTable } from '@surehop/core';
import {
  headerNames,
  headerOf,
  type IncomingMessage,
  type OutgoingMessage,
  textOf,
  waitingName,
} from '@surehop/core/internal';

/** What a message in the waiting queue says of itself. */
export interface WaitingNote {
  /** The opening of the queue by which it was sent. */
  readonly by: string;
  /**
   * `copy` of a message that waits; `marker`: whoever sent it is handed the work queue's messages, and knows what is before
   * it; `mark` of somebody who only wants to know that; `start`: the handling of a copy begins.
   */
  readonly kind: 'copy' | 'marker' | 'mark' | 'start';
  /** Of a copy, its place among those of its opening. */
  readonly number: number;
  /** Of a copy: where it was published to. */
  readonly exchange: string;
  readonly routingKey: string;
  /** Of a copy: the original's, which the copy has not, so that it keeps its place. */
  readonly priority: number | undefined;
  /** Of a copy: whether it may end the process that handles it. */
  readonly isSuspect: boolean;
  /** Of a start: which copy. */
  readonly of: string;
}

type Described = Pick<WaitingNote, 'by' | 'kind'> & Partial<WaitingNote>;

/** What somebody else has put there is taken as a copy too. */
export function readWaitingNote(message: IncomingMessage): WaitingNote {
  const given = headerOf(message, headerNames.waiting);
  const note = typeof given === 'object' && given !== null ? (given as HeaderTable) : {};
  const { by, kind, number, exchange, 'routing-key': routingKey, priority, suspect, of } = note;
  return {
    by: textOf(by) ?? '',
    kind: kind === 'marker' || kind === 'mark' || kind === 'start' ? kind : 'copy',
    number: typeof number === 'number' ? number : message.deliveryTag,
    exchange: textOf(exchange) ?? message.exchange,
    routingKey: textOf(routingKey) ?? message.routingKey,
    priority: typeof priority === 'number' ? priority : undefined,
    isSuspect: suspect === true,
    of: textOf(of) ?? '',
  };
}

export function waitingNote(note: Described): HeaderTable {
  const { by, kind, number, exchange, routingKey, priority, isSuspect, of } = note;
  if (kind === 'start') return { by, kind, of };
  if (kind !== 'copy') return { by, kind };
  const place = { by, kind, number, exchange, 'routing-key': routingKey };
  return { ...place, ...(priority !== undefined && { priority }), ...(isSuspect && { suspect: true }) };
}

/** One name for each copy. */
export function copyName({ by, number }: WaitingNote): string {
  return `${by}/${number}`;
}

/** A copy as it was delivered from the work queue. */
export function unwrapped(message: IncomingMessage, { exchange, routingKey, priority }: WaitingNote): IncomingMessage {
  const { [headerNames.waiting]: _note, ...headers } = message.headers;
  const { consumerTag, deliveryTag, content } = message;
  const properties = priority === undefined ? message.properties : { ...message.properties, priority };
  return { consumerTag, deliveryTag, redelivered: true, exchange, routingKey, content, properties, headers };
}

/**
 * A message that is not to be handled.
 *
 * @param messageId by it the broker tells that the queue is not there
 */
export function waitingSign(queue: string, note: Described, messageId: string): OutgoingMessage {
  return {
    exchange: '',
    routingKey: waitingName(queue),
    mandatory: true,
    content: new Uint8Array(),
    properties: { deliveryMode: 2, messageId },
    headers: { [headerNames.waiting]: waitingNote(note) },
  };
}
