import { expect, test } from 'vitest';
import { outgoing, storedMessage } from './amqp-message.ts';

test('properties have the names of RabbitMQ on our side, and those of the driver on the other', () => {
  const properties = { message_id: 'a', content_type: 'text/plain', type: 't', headers: { tenant: 1 } };

  const sent = outgoing('logs', 'key', 'text', properties);

  expect(sent).toEqual({
    exchange: 'logs',
    routingKey: 'key',
    mandatory: true,
    content: Buffer.from('text'),
    properties: { messageId: 'a', contentType: 'text/plain', type: 't' },
    headers: { tenant: 1 },
  });
  const { message_id, content_type, type } = properties;
  const { mandatory: _, headers = {}, ...rest } = sent;
  expect(storedMessage({ ...rest, headers, consumerTag: '', deliveryTag: 1, redelivered: true })).toEqual({
    content: Buffer.from('text'),
    properties: { message_id, content_type, type },
    headers: { tenant: 1 },
    exchange: 'logs',
    routingKey: 'key',
    redelivered: true,
  });
});

test('header values lose the type that the driver tells with them', () => {
  const death = { count: 1, time: { '!': 'timestamp', value: 5 }, 'routing-keys': ['orders'] };
  const message = {
    consumerTag: '',
    deliveryTag: 1,
    redelivered: false,
    exchange: '',
    routingKey: 'orders',
    content: new Uint8Array(),
    properties: {},
    headers: { 'x-death': [death], nothing: null },
  };

  expect(storedMessage(message).headers).toEqual({ 'x-death': [{ ...death, time: 5 }], nothing: null });
});
