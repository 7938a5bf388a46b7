import type { HeaderTable } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import { type CopyLimits, importCopy, moveCopy, passCopy, replayCopy } from './copies.ts';
import type { DeadMessage } from './dead-message.ts';
import { readDeadMessage } from './dead-message-reading.ts';
import type { CopyAttempt } from './fate.ts';

const limits: CopyLimits = { frameMax: 131_072, newId: () => 'new' };
const stamp = { to: 'orders', at: 1_700_000_000_000, by: 'ann' };

function dead(headers: HeaderTable, properties: DeadMessage['properties'] = { messageId: '1' }): DeadMessage {
  const way = { consumerTag: '', deliveryTag: 1, redelivered: false, exchange: '', routingKey: 'attic' };
  return readDeadMessage({ ...way, content: Buffer.from('x'), properties, headers }, 'attic');
}

function copyOf(attempt: CopyAttempt): { headers: HeaderTable; properties: DeadMessage['properties'] } {
  if ('why' in attempt) throw new Error(attempt.why);
  return { headers: attempt.copy.headers ?? {}, properties: attempt.copy.properties };
}

const death = [
  {
    queue: 'orders',
    reason: 'rejected',
    count: 1,
    exchange: 'shop',
    'routing-keys': ['placed'],
    time: { '!': 'timestamp', value: 1 },
  },
];
const foreign = {
  'MT-Fault-Message': 'm',
  'MT-Reason': 'fault',
  'NServiceBus.FailedQ': 'q',
  'NServiceBus.ExceptionInfo.Message': 'm',
  'NServiceBus.Retries': '1',
  'x-exception-message': 'm',
};

describe('a copy for a replay', () => {
  test('keeps what is the application’s, the origin and the history, and drops what tells of the failure', () => {
    const ours = {
      'surehop-attempt': 3,
      'surehop-reason': 'failed',
      'surehop-error-stack': 's',
      'surehop-not-before': 'n',
    };
    const kept = {
      traceparent: 't',
      tenant: 'a',
      'surehop-history': [],
      'surehop-queue': 'orders',
      __proto__: { no: 1 },
    };
    const broker = {
      'x-death': death,
      'x-first-death-queue': 'q',
      'x-delivery-count': 1,
      CC: ['b'],
      'surehop-pass': 'r',
    };
    const { headers } = copyOf(replayCopy(dead({ ...ours, ...kept, ...broker, ...foreign }), stamp, limits));
    expect(headers).toEqual({
      traceparent: 't',
      tenant: 'a',
      'surehop-history': [],
      'surehop-queue': 'orders',
      'surehop-exchange': 'shop',
      'surehop-routing-key': 'placed',
      'surehop-replayed-at': '2023-11-14T22:13:20.000Z',
      'surehop-replayed-by': 'ann',
      'surehop-replayed-count': 1,
    });
  });

  test('keeps a header that is called __proto__', () => {
    const given = Object.defineProperty({}, '__proto__', { value: 'x', enumerable: true }) as HeaderTable;
    const { headers } = copyOf(replayCopy(dead(given), stamp, limits));
    expect(Object.getOwnPropertyDescriptor(headers, '__proto__')?.value).toBe('x');
  });

  test('is persistent, has an id, and neither expires nor belongs to another login', () => {
    const { properties } = copyOf(
      replayCopy(dead({}, { expiration: '1', userId: 'u', deliveryMode: 1, type: 't' }), stamp, limits),
    );
    expect(properties).toEqual({ deliveryMode: 2, type: 't', messageId: 'new' });
  });
});

test('a copy for a move says in our headers what the broker said in its own', () => {
  const { headers } = copyOf(moveCopy(dead({ 'x-death': death, tenant: 'a', ...foreign }), 'other', limits));
  expect(headers).toMatchObject({
    tenant: 'a',
    'MT-Fault-Message': 'm',
    'surehop-queue': 'orders',
  });
  expect(headers).not.toHaveProperty('x-death');
  const own = copyOf(moveCopy(dead({ 'x-death': death }), 'other', limits)).headers;
  expect(own).toMatchObject({
    'surehop-exchange': 'shop',
    'surehop-reason': 'rejected',
    'surehop-failed-at': '1970-01-01T00:00:01.000Z',
  });
});

test('a copy for a pass is the same message, with a mark, and without an id where it had none', () => {
  const before = { 'x-death': death, 'x-delivery-count': 1, tenant: 'a', CC: ['b'], BCC: ['c'], 'surehop-pass': 'old' };
  const { headers, properties } = copyOf(passCopy(dead(before, { type: 't' }), 'run', limits));
  expect(headers).toEqual({ 'x-death': death, 'x-delivery-count': 1, tenant: 'a', 'surehop-pass': 'run' });
  expect(properties).toEqual({ type: 't', deliveryMode: 2 });
});

test('a copy of an import is as it was, without what another login and other queues made of it', () => {
  const given = {
    content: Buffer.from('x'),
    properties: { userId: 'u', expiration: '5' },
    headers: { CC: ['b'], a: 1 },
  };
  const copy = copyOf(importCopy(given, 'q', 'me', limits));
  expect(copy).toEqual({ properties: { expiration: '5' }, headers: { a: 1 } });
  expect(copyOf(importCopy(given, 'q', 'u', limits)).properties).toEqual(given.properties);
  expect(importCopy({ ...given, headers: { 'x-death': [1, 2] } }, 'q', 'u', limits)).toEqual({
    why: expect.any(String),
  });
});

test.each([
  ['do not fit in a frame', { large: 'a'.repeat(5_000) }, { frameMax: 4_096, newId: () => 'new' }],
  ['are larger than what can be encoded', { large: 'a'.repeat(60_001) }, { frameMax: 0, newId: () => 'new' }],
  ['cannot be encoded', { not: Number.NaN }, limits],
])('headers that %s make no copy', (_name, headers, given) => {
  for (const attempt of [
    replayCopy(dead(headers), stamp, given),
    moveCopy(dead(headers), 'q', given),
    passCopy(dead(headers), 'r', given),
  ]) {
    expect(attempt).toEqual({ why: expect.stringContaining('headers') });
  }
});
