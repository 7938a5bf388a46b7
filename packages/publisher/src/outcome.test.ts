import { describe, expect, test } from 'vitest';
import { errorOf, type NotConfirmed } from './outcome.ts';
import type { Pending } from './pending.ts';

const pending = {
  messageId: 'm-1',
  message: { exchange: 'shop', routingKey: 'order.created' },
} as Pending;

function rejected(replyCode: number | undefined, text: string, mayBeStored = false): NotConfirmed {
  return { status: 'rejected', replyCode, error: new Error(text), mayBeStored };
}

describe('what a caller is told', () => {
  test.each([
    [{ status: 'refused', mayBeStored: false } as const, 'SUREHOP_REFUSED', true],
    [
      { status: 'unroutable', replyCode: 312, replyText: 'NO_ROUTE', mayBeStored: false } as const,
      'SUREHOP_UNROUTABLE',
      false,
    ],
    [rejected(403, 'no'), 'SUREHOP_ACCESS_REFUSED', false],
    [rejected(404, 'no'), 'SUREHOP_EXCHANGE_NOT_FOUND', false],
    [rejected(406, 'PRECONDITION_FAILED - message size 17825792 is larger than'), 'SUREHOP_MESSAGE_TOO_LARGE', false],
    [rejected(406, 'PRECONDITION_FAILED - invalid expiration'), 'SUREHOP_PROPERTIES_INVALID', false],
    [rejected(undefined, 'Field is not encodable'), 'SUREHOP_PROPERTIES_INVALID', false],
  ])('of %o', (outcome, code, retryable) => {
    expect(errorOf(outcome, pending)).toMatchObject({ code, retryable });
  });

  test('an answer to a later write does not speak for an earlier one', () => {
    const error = errorOf({ status: 'refused', mayBeStored: true }, pending);
    expect(error).toMatchObject({ code: 'SUREHOP_PUBLISH_UNKNOWN', cause: { code: 'SUREHOP_REFUSED' } });
  });

  test('the broker’s own words are kept', () => {
    const error = errorOf(rejected(404, "no exchange 'shop'"), pending);
    expect(error.message).toContain('exchange "shop" by "order.created"');
    expect(error.message).toContain("no exchange 'shop'");
    expect(error.cause).toBeInstanceOf(Error);
  });
});
