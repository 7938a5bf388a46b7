import { encodedTableSize, type IncomingMessage } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import { bareDeadLetterCopy, deadLetterCopy, type Failure, retryCopy, sentOnCopy } from './copy-message.ts';

const limits = { frameMax: 131_072, newId: () => 'new-id' };

function failed(message: Partial<IncomingMessage> = {}): Failure {
  return {
    message: {
      consumerTag: 'billing-1',
      deliveryTag: 7,
      redelivered: false,
      exchange: 'shop',
      routingKey: 'order.new',
      content: new Uint8Array([1, 2]),
      properties: { messageId: 'm', type: 't', deliveryMode: 1, expiration: '5', userId: 'u' },
      headers: { mine: 1, CC: ['x'], 'x-death': [] },
      ...message,
    },
    queue: 'orders',
    error: new Error('boom'),
    failedAttempts: 2,
    failedAt: 1_700_000_000_000,
  };
}

describe('a copy', () => {
  test('for a retry goes to its rung, through the default exchange, mandatory and persistent', () => {
    const copy = retryCopy(failed(), 1_000, undefined, limits);
    expect(copy).toMatchObject({
      exchange: '',
      routingKey: 'orders.retry.1000',
      mandatory: true,
      content: new Uint8Array([1, 2]),
      headers: {
        mine: 1,
        'surehop-attempt': 2,
        'surehop-exchange': 'shop',
        'surehop-routing-key': 'order.new',
        'surehop-history': [{ message: 'boom', consumer: 'billing-1' }],
      },
    });
    expect(copy?.properties).toEqual({ messageId: 'm', type: 't', deliveryMode: 2 });
    expect(copy?.headers).not.toHaveProperty('CC');
    expect(copy?.headers).not.toHaveProperty('surehop-reason');
    expect(copy?.headers).not.toHaveProperty('surehop-not-before');
  });

  test('for a retry of what came undecoded is encoded at once, and says the same', () => {
    const encodedHeaders = { bytes: Buffer.alloc(4), start: 4, end: 4, value: () => undefined };
    const quick = retryCopy(failed({ headers: {}, encodedHeaders }), 1_000, undefined, limits);
    const slow = retryCopy(failed({ headers: {} }), 1_000, undefined, limits);
    expect(quick?.headerBytes?.length).toBe(encodedTableSize(slow?.headers ?? {}));
    expect({ ...quick, headers: quick?.headers }).toEqual({ ...slow, headerBytes: quick?.headerBytes });
  });

  test.each([
    ['for a long wait', (failure: Failure) => retryCopy(failure, 1_000, 1_700_000_090_000, limits)],
    ['beyond a frame', (failure: Failure) => retryCopy(failure, 1_000, undefined, { ...limits, frameMax: 1_300 })],
    ['of a dead letter', (failure: Failure) => deadLetterCopy(failure, 'failed', limits)],
  ])('%s is made of decoded headers', (_, copy) => {
    const encodedHeaders = { bytes: Buffer.alloc(4), start: 4, end: 4, value: () => undefined };
    expect(copy(failed({ headers: {}, encodedHeaders }))).not.toHaveProperty('headerBytes');
  });

  test('for a long wait carries its time', () => {
    const copy = retryCopy(failed(), 1_000, 1_700_000_090_000, limits);
    expect(copy?.headers).toMatchObject({ 'surehop-not-before': '2023-11-14T22:14:50.000Z' });
  });

  test('of a dead letter goes to the dead-letter queue and says why', () => {
    const copy = deadLetterCopy(failed(), 'failed', limits);
    expect(copy).toMatchObject({ routingKey: 'orders.dead-letter', headers: { 'surehop-reason': 'failed' } });
  });

  test('of a message without an id gets one', () => {
    for (const properties of [{}, { messageId: '' }]) {
      expect(deadLetterCopy(failed({ properties }), 'failed', limits)?.properties.messageId).toBe('new-id');
    }
  });

  test('that is only sent on keeps what is known of its failures as it is', () => {
    const headers = { 'surehop-attempt': 1, 'surehop-not-before': '2030-01-01T00:00:00.000Z', 'x-death': [] };
    const copy = sentOnCopy(failed({ headers }).message, 'orders', 500, limits);
    expect(copy).toMatchObject({ routingKey: 'orders.retry.500', properties: { messageId: 'm', deliveryMode: 2 } });
    expect(copy?.headers).toEqual({ 'surehop-attempt': 1, 'surehop-not-before': '2030-01-01T00:00:00.000Z' });
  });

  test.each([
    ['are too large', { huge: 'x'.repeat(70_000) }],
    ['are too large for the frame', { huge: 'x'.repeat(8_000) }],
  ])('cannot be made where the headers %s', (_why, headers) => {
    expect(retryCopy(failed({ headers }), 1_000, undefined, { ...limits, frameMax: 8_192 })).toBeUndefined();
    expect(sentOnCopy(failed({ headers }).message, 'orders', 500, { ...limits, frameMax: 8_192 })).toBeUndefined();
  });

  test('of last resort lists the headers that it leaves out, and has properties that can be written', () => {
    const headers = { huge: 'x'.repeat(70_000), odd: 1, 'surehop-attempt': 1 };
    const properties = { messageId: 'm', contentType: 'text/plain', timestamp: Number.NaN, type: 'x'.repeat(300) };
    const copy = bareDeadLetterCopy(failed({ headers, properties }), 'failed', limits);
    expect(copy?.properties).toEqual({ messageId: 'm', contentType: 'text/plain', deliveryMode: 2 });
    expect(copy?.headers).toMatchObject({ 'surehop-dropped-headers': 'huge, odd', 'surehop-attempt': 2 });
    expect(Object.keys(copy?.headers ?? {}).filter((name) => !name.startsWith('surehop-'))).toEqual([]);
  });
});
