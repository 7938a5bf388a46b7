import { describe, expect, test } from 'vitest';
import type { HeaderTable, MessageProperties } from './message.ts';
import { checkOutgoing, type OutgoingLimits, propertyExcess, type UncheckedMessage } from './properties.ts';

const limits: OutgoingLimits = { maxMessageBytes: 1_000, maxHeaderBytes: 5_000, username: 'shop' };

function message(changes: { [Key in keyof UncheckedMessage]?: unknown } = {}): UncheckedMessage {
  const usual = {
    exchange: '',
    routingKey: 'orders',
    properties: { messageId: 'm-1' },
    headers: undefined,
    content: Buffer.from('{}'),
  };
  return { ...usual, ...changes } as UncheckedMessage;
}

function withProperties(properties: { [Key in keyof MessageProperties]?: unknown }): UncheckedMessage {
  return message({ properties: { messageId: 'm-1', ...properties } });
}

function refused(text: string): unknown {
  return expect.objectContaining({
    code: 'SUREHOP_PROPERTIES_INVALID',
    retryable: false,
    message: expect.stringContaining(text),
  });
}

test('a message with every property set passes', () => {
  const properties: MessageProperties = {
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: 2,
    priority: 255,
    correlationId: 'c',
    replyTo: 'answers',
    expiration: '60000',
    messageId: 'm-1',
    timestamp: 1_700_000_000,
    type: 'order',
    userId: 'shop',
    appId: 'web',
  };
  const headers = { traceparent: '00-1-2-01', CC: ['copy'], BCC: [] };
  expect(checkOutgoing(message({ properties, headers }), limits)).toEqual(headers);
  expect(checkOutgoing(message(), limits)).toBeUndefined();
});

describe('short strings', () => {
  test('are looked at again where the one before was another, or was refused', () => {
    const [good, bad] = ['orders', 'half \ud800'];
    for (const change of [
      (value: string) => message({ exchange: value }),
      (value: string) => message({ routingKey: value }),
      (value: string) => withProperties({ contentType: value }),
    ]) {
      for (const value of [good, good]) expect(() => checkOutgoing(change(value), limits)).not.toThrow();
      for (const value of [bad, bad]) expect(() => checkOutgoing(change(value), limits)).toThrow(refused('surrogate'));
      expect(() => checkOutgoing(change(good), limits)).not.toThrow();
    }
  });

  test.each(['exchange', 'routingKey'])('%s may take 255 bytes of UTF-8, and not one more', (name) => {
    expect(() => checkOutgoing(message({ [name]: 'ü'.repeat(127) }), limits)).not.toThrow();
    expect(() => checkOutgoing(message({ [name]: 'ü'.repeat(128) }), limits)).toThrow(
      refused(`message m-1: ${name} must not be longer than 255 bytes of UTF-8, got 256`),
    );
    expect(() => checkOutgoing(message({ [name]: undefined }), limits)).toThrow(refused(`${name} must be a string`));
  });

  test.each([
    'contentType',
    'contentEncoding',
    'correlationId',
    'replyTo',
    'expiration',
    'messageId',
    'type',
    'userId',
    'appId',
  ])('%s must be a string of at most 255 bytes', (name) => {
    expect(() => checkOutgoing(withProperties({ [name]: 'a'.repeat(256) }), limits)).toThrow(refused(name));
    expect(() => checkOutgoing(withProperties({ [name]: 5 }), limits)).toThrow(refused(`${name} must be a string`));
  });

  test('half a character is refused: the broker would return the message under another id', () => {
    expect(() => checkOutgoing(withProperties({ messageId: 'm-\ud83d' }), limits)).toThrow(refused('half a character'));
    expect(() => checkOutgoing(withProperties({ messageId: 'm-👋' }), limits)).not.toThrow();
  });
});

test.each([
  ['deliveryMode', 0],
  ['deliveryMode', 3],
  ['deliveryMode', '2'],
  ['priority', -1],
  ['priority', 256],
  ['priority', 1.5],
  ['priority', '5'],
  ['timestamp', -1],
  ['timestamp', 1_700_000_000.5],
  ['timestamp', new Date(0)],
  ['timestamp', '1700000000'],
  ['timestamp', 2 ** 64],
  ['expiration', '-1'],
  ['expiration', '1.5'],
  ['expiration', ''],
  ['expiration', '5s'],
  ['expiration', '315360000001'],
])('%s must not be %j', (name, value) => {
  expect(() => checkOutgoing(withProperties({ [name]: value }), limits)).toThrow(
    refused(`message m-1: ${name} must be`),
  );
});

test.each([
  ['timestamp', 0],
  ['timestamp', 6e17],
  ['priority', 0],
  ['deliveryMode', 1],
  ['expiration', '0'],
  ['expiration', '315360000000'],
])('%s may be %j', (name, value) => {
  expect(() => checkOutgoing(withProperties({ [name]: value }), limits)).not.toThrow();
});

test("another login's userId is refused, and any where the login is not known", () => {
  expect(() => checkOutgoing(withProperties({ userId: 'other' }), limits)).toThrow(refused("connection's own login"));
  expect(() => checkOutgoing(withProperties({ userId: 'shop' }), { ...limits, username: undefined })).toThrow(
    refused('userId cannot be checked'),
  );
});

test('replyTo amq.rabbitmq.reply-to needs its consumer', () => {
  const request = withProperties({ replyTo: 'amq.rabbitmq.reply-to' });
  expect(() => checkOutgoing(request, limits)).toThrow(refused('replyTo amq.rabbitmq.reply-to needs a consumer'));
  expect(() => checkOutgoing(request, { ...limits, replyToConsumer: true })).not.toThrow();
  expect(() => checkOutgoing(withProperties({ replyTo: 'amq.rabbitmq.reply-to.g1h2' }), limits)).not.toThrow();
});

describe('headers', () => {
  const check = (headers: HeaderTable): unknown => checkOutgoing(message({ headers }), limits);

  test.each(['CC', 'BCC'])('%s must be an array of strings', (name) => {
    expect(() => check({ [name]: 'copy' })).toThrow(refused(`header ${name} must be an array of strings`));
    expect(() => check({ [name]: ['copy', 1] })).toThrow(refused(`header ${name} must be an array of strings`));
  });

  test("a user's own x-death is refused: a malformed one stops dead lettering on a whole node", () => {
    expect(() => check({ 'x-death': [1, 2] })).toThrow(refused('x-death'));
    expect(() => check({ 'x-death': undefined })).not.toThrow();
  });

  test('what would arrive changed is refused, with the message id', () => {
    expect(() => check({ at: new Date(0) })).toThrow(
      refused('header "at" of message m-1 must be a plain object, got Date'),
    );
  });

  test('bytes come back as Buffers, ready to be written', () => {
    expect(check({ bytes: Uint8Array.of(1) })).toEqual({ bytes: Buffer.of(1) });
  });

  test('together they may be as large as the limit, and not a byte larger', () => {
    const fits = 'a'.repeat(limits.maxHeaderBytes - 4 - 2 - 5);
    expect(() => check({ a: fits })).not.toThrow();
    expect(() => check({ a: `${fits}a` })).toThrow(
      expect.objectContaining({
        code: 'SUREHOP_HEADERS_TOO_LARGE',
        message: 'the headers of message m-1 have 5001 bytes, the limit is 5000; nothing was sent',
      }),
    );
  });

  test('properties share their frame: very long ones leave less room', () => {
    const long = 'a'.repeat(255);
    const properties: MessageProperties = { messageId: long, correlationId: long, type: long, appId: long };
    expect(propertyExcess({ messageId: long, contentType: 'application/json' })).toBe(0);
    expect(propertyExcess(properties)).toBe(4 * 256 - 980);
    const headers = { a: 'a'.repeat(limits.maxHeaderBytes - 4 - 2 - 5) };
    expect(() => checkOutgoing(message({ properties, headers }), limits)).toThrow('the limit is 4956');
  });
});

test('the body must be bytes, at most maxMessageBytes', () => {
  expect(() => checkOutgoing(message({ content: 'text' }), limits)).toThrow(
    refused('content must be a Uint8Array, got string'),
  );
  expect(() => checkOutgoing(message({ content: new Uint8Array(1_000) }), limits)).not.toThrow();
  expect(() => checkOutgoing(message({ content: new Uint8Array(1_001) }), limits)).toThrow(
    expect.objectContaining({
      code: 'SUREHOP_MESSAGE_TOO_LARGE',
      message: 'the body of message m-1 has 1001 bytes, the limit is 1000 (maxMessageBytes); nothing was sent',
    }),
  );
});
