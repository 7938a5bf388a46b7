import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { handlerEnvironment, type Told } from './handler-environment.ts';

const message: Told = {
  queue: 'orders',
  attempt: 2,
  redelivered: false,
  deliveryCount: 0,
  exchange: '',
  routingKey: 'orders',
  properties: { messageId: 'm-1', contentType: 'application/json', timestamp: 1_700_000_000 },
  headers: {},
};

test('tells properties and headers by name', () => {
  const headers = {
    'x-tenant.id': 'acme',
    count: 3,
    flag: true,
    none: null,
    bytes: Buffer.from('text'),
    binary: Buffer.from([0xff, 0xfe]),
    table: { list: [1, 'a'] },
  };
  expect(handlerEnvironment({ PATH: '/bin' }, { ...message, headers })).toEqual({
    PATH: '/bin',
    SUREHOP_QUEUE: 'orders',
    SUREHOP_ATTEMPT: '2',
    SUREHOP_REDELIVERED: 'false',
    SUREHOP_DELIVERY_COUNT: '0',
    SUREHOP_EXCHANGE: '',
    SUREHOP_ROUTING_KEY: 'orders',
    SUREHOP_MESSAGE_ID: 'm-1',
    SUREHOP_CONTENT_TYPE: 'application/json',
    SUREHOP_TIMESTAMP: '1700000000',
    SUREHOP_HEADER_X_TENANT_ID: 'acme',
    SUREHOP_HEADER_COUNT: '3',
    SUREHOP_HEADER_FLAG: 'true',
    SUREHOP_HEADER_NONE: '',
    SUREHOP_HEADER_BYTES: 'text',
    SUREHOP_HEADER_BINARY: '//4=',
    SUREHOP_HEADER_TABLE: '{"list":[1,"a"]}',
  });
});

test('leaves out what an environment cannot carry, and says so', () => {
  const headers = { nul: 'a\0b', long: 'x'.repeat(40_000), 'a-b': 'first', a_b: 'second' };
  const environment = handlerEnvironment({}, { ...message, headers });
  expect(environment.SUREHOP_HEADER_A_B).toBe('first');
  expect(environment).not.toHaveProperty('SUREHOP_HEADER_NUL');
  expect(environment.SUREHOP_OMITTED).toBe('SUREHOP_HEADER_NUL SUREHOP_HEADER_LONG SUREHOP_HEADER_A_B');
});

test('tells nothing of the message around it', () => {
  const environment = handlerEnvironment({ SUREHOP_HEADER_TENANT: 'other', SUREHOP_OMITTED: 'x' }, message);
  expect(environment).not.toHaveProperty('SUREHOP_HEADER_TENANT');
  expect(environment).not.toHaveProperty('SUREHOP_OMITTED');
});

test('[property] a program can be started with it, whatever the headers are', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.constant('\0'),
    fc.constant('y'.repeat(200_000)),
    fc.uint8Array(),
  );
  const some = fc.dictionary(fc.string({ unit: 'binary' }), value, { maxKeys: 40 });
  const started = fc.property(some, (headers) => {
    const env = handlerEnvironment({}, { ...message, headers });
    expect(spawnSync('/bin/true', [], { env }).error).toBeUndefined();
    for (const name of Object.keys(env)) expect(name).toMatch(/^SUREHOP_[A-Z0-9_]*$/);
  });
  fc.assert(started, { numRuns: 8 });
});
