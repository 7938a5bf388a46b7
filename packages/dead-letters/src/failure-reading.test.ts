import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDeath } from './failure-reading.ts';

const at = '2026-03-01T12:30:59.123Z';
const epochMs = Date.parse(at);
const death = (entry: object, ...older: object[]) => ({ 'x-death': [entry, ...older] });
const expired = { queue: 'orders.retry.1000', reason: 'expired', exchange: '', 'routing-keys': ['orders.retry.1000'] };

describe('our own headers', () => {
  test('say all of it', () => {
    const history = [{ at, name: 'Error', message: 'first', consumer: 'c' }];
    const headers = {
      'surehop-reason': 'failed',
      'surehop-attempt': 5,
      'surehop-first-failed-at': '2026-03-01T12:00:00.000Z',
      'surehop-failed-at': at,
      'surehop-error-name': 'TimeoutError',
      'surehop-error-message': 'no answer',
      'surehop-error-code': 'ETIMEDOUT',
      'surehop-error-stack': 'TimeoutError: no answer\n at …',
      'surehop-history': history,
      'surehop-queue': 'orders',
      'surehop-exchange': 'events',
      'surehop-routing-key': 'order.created',
      'surehop-replayed-count': 2,
      'surehop-replayed-at': at,
      'surehop-replayed-by': 'ada',
    };
    expect(readDeath(headers, 'anything')).toEqual({
      source: 'surehop',
      reason: 'failed',
      error: { name: 'TimeoutError', message: 'no answer', code: 'ETIMEDOUT', stack: 'TimeoutError: no answer\n at …' },
      queue: 'orders',
      exchange: 'events',
      routingKey: 'order.created',
      attempts: 5,
      firstFailedAt: Date.parse('2026-03-01T12:00:00.000Z'),
      failedAt: epochMs,
      history,
      replayed: { count: 2, at: epochMs, by: 'ada' },
    });
  });

  test('are read as other clients write them, as bytes and digits', () => {
    const headers = {
      'surehop-reason': Buffer.from('failed'),
      'surehop-attempt': '3',
      'surehop-error-name': new Uint8Array(Buffer.from('Größer')),
      'surehop-replayed-count': Buffer.from('7'),
    };
    expect(readDeath(headers, 'orders.dead-letter')).toMatchObject({
      source: 'surehop',
      queue: 'orders',
      attempts: 3,
      error: { name: 'Größer', message: undefined },
      replayed: { count: 7 },
    });
  });

  test('of earlier attempts stand beside a death by the broker, which is what the message died of', () => {
    const headers = {
      'surehop-attempt': 2,
      'surehop-error-name': 'TypeError',
      'surehop-queue': 'orders',
      'surehop-exchange': 'events',
      'surehop-routing-key': 'order.created',
      ...death({ queue: 'orders', reason: 'delivery_limit', exchange: '', 'routing-keys': ['orders'] }, expired),
    };
    expect(readDeath(headers, 'orders.dead-letter')).toMatchObject({
      source: 'broker',
      reason: 'delivery-limit',
      queue: 'orders',
      exchange: 'events',
      routingKey: 'order.created',
      attempts: 2,
      error: { name: 'TypeError' },
    });
  });
});

describe("the broker's own header", () => {
  test.each([
    ['delivery_limit', 'orders', 'orders.dead-letter', 'delivery-limit'],
    ['rejected', 'orders', 'orders.dead-letter', 'uncopyable'],
    ['rejected', 'billing', 'parked', 'rejected'],
    ['expired', 'orders', 'orders.dead-letter', 'expired'],
    ['maxlen', 'billing', 'parked', 'maxlen'],
    ['constructor', 'billing', 'parked', 'constructor'],
  ])('%s in %s, lying in %s, is %s', (reason, queue, deadLetters, expected) => {
    const time = { '!': 'timestamp', value: 1_772_368_259 };
    const headers = death({ queue, reason, exchange: 'events', 'routing-keys': ['key'], time });
    expect(readDeath(headers, deadLetters)).toMatchObject({
      source: 'broker',
      reason: expected,
      queue,
      exchange: 'events',
      routingKey: 'key',
      failedAt: 1_772_368_259_000,
      attempts: 0,
      error: undefined,
    });
  });

  test.each([8.64e12 + 1, -1, 1.5, '1'])('with a time that is none (%j) says no time', (value) => {
    const headers = death({ ...expired, time: { '!': 'timestamp', value } });
    expect(readDeath(headers, 'orders.dead-letter')).toMatchObject({ reason: 'expired', failedAt: undefined });
  });

  test('counts a rung as its queue', () => {
    expect(readDeath(death(expired), 'orders.dead-letter')).toMatchObject({ reason: 'expired', queue: 'orders' });
  });

  test.each<[string, object, string, object]>([
    [
      'counts a waiting queue as its queue, and its own header says where the message was published',
      { 'surehop-waiting': { by: 'm.1', kind: 'copy', number: 3, exchange: 'events', 'routing-key': 'order.created' } },
      'parked',
      { queue: 'orders', exchange: 'events', routingKey: 'order.created' },
    ],
    [
      'counts one without that header so only in the dead letters of that queue',
      {},
      'orders.dead-letter',
      { reason: 'uncopyable', queue: 'orders', exchange: '', routingKey: 'orders.waiting' },
    ],
    ['takes a queue of others that is called so for itself', {}, 'parked', { queue: 'orders.waiting' }],
    ['also where that has dead letters of its own', {}, 'orders.waiting.dead-letter', { queue: 'orders.waiting' }],
  ])('%s', (_what, note, deadLetters, expected) => {
    const entry = { queue: 'orders.waiting', reason: 'rejected', exchange: '', 'routing-keys': ['orders.waiting'] };
    expect(readDeath({ ...note, ...death(entry) }, deadLetters)).toMatchObject({ source: 'broker', ...expected });
  });

  test('missing, in a queue that is named as a contract names its own, means that no binding took it', () => {
    expect(readDeath({}, 'orders.dead-letter')).toMatchObject({
      source: 'broker',
      reason: 'unroutable',
      queue: 'orders',
    });
    for (const other of ['orders', '.dead-letter', 'orders.dead-letter.old', '']) {
      expect(readDeath({}, other)).toMatchObject({ source: 'none', reason: undefined, queue: undefined });
    }
  });

  test.each([[[]], [[1, 2]], ['text'], [[null]], [[{}]], [{ 0: expired }]])(
    'that makes no sense (%j) is none',
    (value) => {
      expect(readDeath({ 'x-death': value }, 'parked')).toMatchObject({ source: 'none' });
    },
  );
});

test('no headers whatsoever make it throw, and what it says has the right types', () => {
  const names = fc.constantFrom(
    'x-death',
    ...['waiting', 'attempt', 'failed-at', 'reason', 'history', 'queue', 'exchange', 'routing-key', 'error-name'].map(
      ours,
    ),
    ...['replayed-at', 'replayed-by', 'replayed-count'].map(ours),
    ...['Reason', 'Fault-Message', 'Fault-InputAddress', 'Fault-RetryCount', 'Fault-Timestamp'].map((it) => `MT-${it}`),
    ...['FailedQ', 'TimeOfFailure', 'Retries', 'ExceptionInfo.Message'].map((name) => `NServiceBus.${name}`),
    ...['x-exception-message', 'x-exception-stacktrace', 'x-original-exchange', 'x-original-routingKey'],
    ...['rbs2-error-details', 'rbs2-source-queue'],
    '__proto__',
  );
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom(at, '2026-03-01 12:30:59:123456 Z', 'rabbitmq://host/%zz', '9', 'orders.waiting'),
  );
  const leaf = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.uint8Array(), fc.bigInt());
  const inside = fc.constantFrom(
    'queue',
    'reason',
    'exchange',
    'routing-keys',
    'routing-key',
    'time',
    '!',
    'value',
    'at',
    'name',
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 2 },
      leaf,
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(inside, tie('any'), { maxKeys: 4 }),
    ),
  })).any;
  const isText = (it: unknown) => it === undefined || typeof it === 'string';
  const holds = (headers: Record<string, unknown>, queue: string): boolean => {
    const { failedAt, attempts, error, replayed, ...rest } = readDeath(headers, queue);
    const texts = [rest.reason, rest.queue, rest.exchange, rest.routingKey, replayed.by, ...Object.values(error ?? {})];
    const isMoment = failedAt === undefined || !Number.isNaN(new Date(failedAt).getTime());
    return texts.every(isText) && isMoment && [attempts, replayed.count].every(Number.isSafeInteger);
  };
  const headers = fc.dictionary(names, value, { maxKeys: 6 });
  fc.assert(fc.property(headers, fc.constantFrom('orders.dead-letter', 'error'), holds), { numRuns: 500 });
});

function ours(name: string): string {
  return `surehop-${name}`;
}
