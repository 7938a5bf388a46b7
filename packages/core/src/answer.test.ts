import { describe, expect, test } from 'vitest';
import { deadLetteredAnswer, handledAnswer, readAnswer, unencodableAnswer, wantsAnswer } from './answer.ts';
import type { IncomingMessage, MessageProperties, OutgoingMessage } from './message.ts';

const request = (properties: MessageProperties, headers: Record<string, unknown> = {}): IncomingMessage => ({
  consumerTag: 'tag',
  deliveryTag: 1,
  redelivered: false,
  exchange: '',
  routingKey: 'orders',
  content: new Uint8Array(0),
  properties,
  headers,
});

const received = ({ properties, headers, content }: OutgoingMessage): IncomingMessage => ({
  ...request(properties, { ...headers }),
  content,
});

describe('an answer is wanted', () => {
  const wanted = { 'surehop-answer': 'wanted' };

  test('by our header and an address together', () => {
    expect(wantsAnswer(request({ replyTo: 'mine' }, wanted))).toBe(true);
    expect(wantsAnswer(request({}, wanted))).toBe(false);
    expect(wantsAnswer(request({ replyTo: '' }, wanted))).toBe(false);
    expect(wantsAnswer(request({ replyTo: 'mine' }))).toBe(false);
    expect(wantsAnswer(request({ replyTo: 'mine' }, { 'surehop-answer': 'handled' }))).toBe(false);
  });
});

describe('an answer', () => {
  const asked = request({ replyTo: 'mine', messageId: 'one', correlationId: 'talk' });

  test('goes to the address, names what it answers, and may not be lost on the way', () => {
    const body = { content: Buffer.from('42'), contentType: 'application/json' };
    const answer = handledAnswer(asked, 'new', body);
    expect(answer).toMatchObject({
      exchange: '',
      routingKey: 'mine',
      mandatory: true,
      properties: { messageId: 'new', correlationId: 'one', deliveryMode: 2, contentType: 'application/json' },
    });
    expect(readAnswer(received(answer))).toEqual({ kind: 'handled', body });
  });

  test('without a value is told from one with an empty one', () => {
    expect(readAnswer(received(handledAnswer(asked, 'new', undefined)))).toEqual({ kind: 'handled', body: undefined });
    const empty = { content: new Uint8Array(0), contentType: 'text/plain' };
    expect(readAnswer(received(handledAnswer(asked, 'new', empty)))).toEqual({ kind: 'handled', body: empty });
  });

  test('to a message without an id has its correlation id', () => {
    const { properties } = handledAnswer(request({ replyTo: 'mine', correlationId: 'talk' }), 'new', undefined);
    expect(properties.correlationId).toBe('talk');
  });

  test('tells the error that a message was laid aside for, and not its stack', () => {
    const error = Object.assign(new RangeError('x'.repeat(100_000)), { code: 42 });
    const answer = deadLetteredAnswer(asked, 'new', { queue: 'orders', reason: 'failed', failedAttempts: 3, error });
    expect(Object.keys(answer.headers ?? {}).filter((name) => name.includes('stack'))).toEqual([]);
    expect(readAnswer(received(answer))).toEqual({
      kind: 'dead-lettered',
      queue: 'orders',
      reason: 'failed',
      attempts: 3,
      name: 'RangeError',
      message: 'x'.repeat(4_096),
      code: '42',
    });
  });

  test('says why there is no value', () => {
    const answer = unencodableAnswer(asked, 'new', new TypeError('a circle'));
    expect(readAnswer(received(answer))).toEqual({ kind: 'unencodable', why: 'a circle' });
  });

  test('of strangers is read with care', () => {
    expect(readAnswer(request({}))).toBeUndefined();
    expect(readAnswer(request({}, { 'surehop-answer': 'wanted' }))).toBeUndefined();
    const odd = { 'surehop-answer': 'dead-lettered', 'surehop-attempt': '3', 'surehop-error-message': 7 };
    expect(readAnswer(request({}, odd))).toEqual({
      kind: 'dead-lettered',
      queue: '',
      reason: 'failed',
      attempts: 0,
      name: 'Error',
      message: '',
      code: undefined,
    });
  });
});
