import { type SetAsideMessage, SurehopError } from '@surehop/core';
import type { OutboxRow } from './stored-message.ts';

/** A row of those that were set aside. */
export interface SetAsideRow extends Omit<OutboxRow, 'content' | 'properties' | 'headers' | 'set_aside'> {
  readonly error_code: string | null;
  readonly error: string | null;
  readonly created_at: Date;
  readonly set_aside_at: Date;
}

export function setAsideOf(row: SetAsideRow): SetAsideMessage {
  return {
    position: row.position,
    messageId: row.message_id,
    key: row.key ?? undefined,
    exchange: row.exchange,
    routingKey: row.routing_key,
    attempts: row.attempts,
    error: { code: row.error_code ?? '', message: row.error ?? '' },
    createdAt: row.created_at,
    setAsideAt: row.set_aside_at,
  };
}

/** @throws {SurehopError} SUREHOP_OPTION_INVALID */
export function checkPositions(positions: readonly string[]): void {
  const wrong = !Array.isArray(positions) || positions.some((one) => !/^\d{1,18}$/.test(String(one)));
  if (!wrong) return;
  const text = 'positions must be an array of the positions that listSetAside() gave';
  throw new SurehopError('SUREHOP_OPTION_INVALID', text, { retryable: false });
}
