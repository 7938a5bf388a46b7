import type { HeaderTable } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import { replayCopy } from './copies.ts';
import { readDeadMessage } from './dead-message-reading.ts';
import { readDeath } from './failure-reading.ts';
import { replayHeaders } from './replay-headers.ts';

describe('MassTransit', () => {
  const fault = {
    'MT-Reason': 'fault',
    'MT-Fault-ExceptionType': 'System.TimeoutException',
    'MT-Fault-Message': 'no answer',
    'MT-Fault-Timestamp': '2026-03-01T12:30:59.1234567Z',
    'MT-Fault-StackTrace': '   at Orders.Consumer',
    'MT-Fault-InputAddress': 'rabbitmq://broker:5672/shop/order%20lines?durable=true',
    'MT-Fault-RetryCount': 3,
  };

  test('a fault', () => {
    expect(readDeath(fault, 'order lines_error')).toMatchObject({
      source: 'masstransit',
      reason: 'failed',
      error: { name: 'System.TimeoutException', message: 'no answer', code: undefined, stack: '   at Orders.Consumer' },
      queue: 'order lines',
      attempts: 4,
      failedAt: Date.parse('2026-03-01T12:30:59.123Z'),
    });
  });

  test.each([
    ['rabbitmq://broker/orders', 'orders'],
    ['amqps://broker/shop/orders?type=fanout#x', 'orders'],
    ['orders', 'orders'],
    ['rabbitmq://broker/shop/100%', '100%'],
    ['rabbitmq://broker/', undefined],
    [7, undefined],
  ])('the queue of %s is %s', (address, queue) => {
    expect(readDeath({ ...fault, 'MT-Fault-InputAddress': address }, 'any')).toMatchObject({ queue });
  });

  test('what no consumer knew was skipped', () => {
    expect(readDeath({ 'MT-Reason': 'dead-letter' }, 'orders_skipped')).toMatchObject({
      source: 'masstransit',
      reason: 'skipped',
      attempts: 0,
    });
  });
});

test('NServiceBus', () => {
  const headers = {
    'NServiceBus.FailedQ': 'Sales@machine',
    'NServiceBus.TimeOfFailure': '2026-03-01 12:30:59:123456 Z',
    'NServiceBus.ExceptionInfo.ExceptionType': 'System.InvalidOperationException',
    'NServiceBus.ExceptionInfo.Message': 'order 42',
    'NServiceBus.ExceptionInfo.StackTrace': 'at Sales',
    'NServiceBus.Retries': '3',
  };
  expect(readDeath(headers, 'error')).toMatchObject({
    source: 'nservicebus',
    reason: 'failed',
    error: { name: 'System.InvalidOperationException', message: 'order 42', stack: 'at Sales' },
    queue: 'Sales',
    attempts: 4,
    failedAt: Date.parse('2026-03-01T12:30:59.123Z'),
  });
});

describe('Spring', () => {
  const thrown = {
    'x-exception-message': 'no stock',
    'x-exception-stacktrace': 'java.lang.IllegalStateException: no stock\n\tat com.shop.Orders',
  };

  test('published to the default exchange: the key is the queue', () => {
    expect(
      readDeath({ ...thrown, 'x-original-exchange': '', 'x-original-routingKey': 'orders' }, 'error'),
    ).toMatchObject({
      source: 'spring',
      reason: 'failed',
      error: { name: 'java.lang.IllegalStateException', message: 'no stock' },
      queue: 'orders',
      exchange: '',
      routingKey: 'orders',
    });
  });

  test('published to an exchange: its queue is where the broker says that it died, if that is told', () => {
    const headers = { ...thrown, 'x-original-exchange': 'events', 'x-original-routingKey': 'order.created' };
    expect(readDeath(headers, 'error')).toMatchObject({
      queue: undefined,
      exchange: 'events',
      routingKey: 'order.created',
    });
    const died = [{ queue: 'orders', reason: 'rejected' }];
    expect(readDeath({ ...headers, 'x-death': died }, 'error')).toMatchObject({ source: 'spring', queue: 'orders' });
  });
});

test('Rebus', () => {
  const details = '5 unhandled exceptions\n1: System.ApplicationException: no stock\n   at Orders.Handler';
  const headers = { 'rbs2-error-details': Buffer.from(details), 'rbs2-source-queue': 'orders' };
  expect(readDeath(headers, 'error')).toMatchObject({
    source: 'rebus',
    reason: 'failed',
    error: { name: 'System.ApplicationException', message: 'no stock', stack: details },
    queue: 'orders',
  });
});

test('our own reason goes before what a library wrote at an earlier time', () => {
  const headers = { 'surehop-reason': 'invalid', 'NServiceBus.FailedQ': 'Sales' };
  expect(readDeath(headers, 'orders.dead-letter')).toMatchObject({ source: 'surehop', queue: 'orders' });
});

test.each<[string, HeaderTable, HeaderTable]>([
  [
    'MassTransit',
    { 'MT-Reason': 'fault', 'MT-Fault-Message': 'm', 'MT-Fault-InputAddress': 'orders', 'MT-Fault-RetryCount': 1 },
    { 'MT-Activity-Id': 'a' },
  ],
  [
    'NServiceBus',
    {
      'NServiceBus.FailedQ': 'orders',
      'NServiceBus.TimeOfFailure': 't',
      'NServiceBus.ExceptionInfo.Message': 'm',
      'NServiceBus.Retries': '3',
    },
    { 'NServiceBus.MessageId': 'i', 'NServiceBus.EnclosedMessageTypes': 'Order' },
  ],
  [
    'Spring',
    { 'x-exception-message': 'm', 'x-exception-stacktrace': 's' },
    { 'x-original-exchange': '', 'x-original-routingKey': 'orders', spring_listener: 'l' },
  ],
  [
    'Rebus',
    { 'rbs2-error-details': 'd', 'rbs2-source-queue': 'orders', 'rbs2-delivery-count': '5' },
    { 'rbs2-msg-id': 'i', 'rbs2-content-type': 'application/json' },
  ],
])('a replay leaves out what %s wrote of the failure, and keeps its other headers', (_library, failure, others) => {
  const way = { consumerTag: '', deliveryTag: 1, redelivered: false, exchange: '', routingKey: 'error' };
  const message = { ...way, content: Buffer.from('x'), properties: {}, headers: { ...failure, ...others } };
  const stamp = { to: 'orders', at: 0, by: 'ann' };
  const attempt = replayCopy(readDeadMessage(message, 'error'), stamp, { frameMax: 131_072, newId: () => 'i' });
  const copied = 'copy' in attempt ? (attempt.copy.headers ?? {}) : {};
  const own: readonly string[] = Object.values(replayHeaders);
  const names = Object.keys(copied).filter((name) => !own.includes(name) && !name.startsWith('surehop-'));
  expect(names.toSorted()).toEqual(Object.keys(others).toSorted());
  expect(readDeath(copied, 'error').source).toBe('none');
});
