import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copyProperties, type FailureInput, failureHeaders, sentOnHeaders } from './failure-headers.ts';
import type { HeaderTable } from './message.ts';
import { encodedTableSize } from './table-size.ts';

const failedAt = Date.UTC(2026, 0, 2, 3, 4, 5);
const at = '2026-01-02T03:04:05.000Z';

function input(changes: Partial<FailureInput> = {}): FailureInput {
  return {
    headers: {},
    properties: {},
    failedAttempts: 1,
    failedAt,
    error: new TypeError('no such customer'),
    consumer: 'shop-1',
    queue: 'orders',
    exchange: 'events',
    routingKey: 'order.placed',
    limitBytes: 60_000,
    ...changes,
  };
}

function headersOf(changes: Partial<FailureInput> = {}): HeaderTable {
  const headers = failureHeaders(input(changes));
  if (headers === undefined) throw new Error('no headers');
  return headers;
}

describe('failureHeaders()', () => {
  test('says what failed, when, where and how often', () => {
    expect(headersOf({ notBefore: failedAt + 1_000 })).toEqual({
      'surehop-attempt': 1,
      'surehop-first-failed-at': at,
      'surehop-failed-at': at,
      'surehop-not-before': '2026-01-02T03:04:06.000Z',
      'surehop-error-name': 'TypeError',
      'surehop-error-message': 'no such customer',
      'surehop-history': [{ at, name: 'TypeError', message: 'no such customer', consumer: 'shop-1' }],
      'surehop-queue': 'orders',
      'surehop-exchange': 'events',
      'surehop-routing-key': 'order.placed',
    });
  });

  test('a dead letter says why it is one, and has the stack', () => {
    expect(headersOf({ reason: 'undecodable' })).toMatchObject({
      'surehop-reason': 'undecodable',
      'surehop-error-stack': expect.stringMatching(/^TypeError: no such customer\n +at /),
    });
    expect(headersOf()).not.toHaveProperty('surehop-reason');
    expect(headersOf()).not.toHaveProperty('surehop-error-stack');
  });

  test('a later failure keeps when it first failed and where it was first published, and continues the history', () => {
    const first = headersOf({ notBefore: failedAt + 1, reason: 'failed' });
    const second = headersOf({
      headers: first,
      failedAttempts: 2,
      failedAt: failedAt + 5_000,
      exchange: 'orders.retry',
      routingKey: 'orders',
    });
    expect(second).toMatchObject({
      'surehop-attempt': 2,
      'surehop-first-failed-at': at,
      'surehop-failed-at': '2026-01-02T03:04:10.000Z',
      'surehop-exchange': 'events',
      'surehop-routing-key': 'order.placed',
      'surehop-history': [{ at }, { at: '2026-01-02T03:04:10.000Z' }],
    });
    expect(Object.keys(second)).not.toContain('surehop-not-before');
    expect(Object.keys(second)).not.toContain('surehop-reason');
  });

  test('the history keeps the last ten failures', () => {
    let headers: HeaderTable = {};
    for (let attempt = 1; attempt <= 12; attempt += 1) {
      headers = headersOf({ headers, failedAttempts: attempt, error: new Error(`failure ${attempt}`) });
    }
    const history = headers['surehop-history'] as { message: string }[];
    expect(history.map(({ message }) => message)).toEqual(
      [3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((attempt) => `failure ${attempt}`),
    );
  });

  test('application headers and trace context stay, what the broker wrote and CC and BCC go', () => {
    const kept = { traceparent: '00-1-2-01', tenant: 7, bytes: Buffer.of(1), 'x-mine': true, 'surehop-replayed': 1 };
    const dropped = {
      'x-death': [{ count: 1 }],
      'x-first-death-queue': 'a',
      'x-first-death-reason': 'expired',
      'x-last-death-exchange': 'a',
      'x-delivery-count': 3,
      'x-acquired-count': 3,
      CC: ['a'],
      BCC: ['b'],
    };
    const headers = headersOf({ headers: { ...kept, ...dropped } });
    expect(headers).toMatchObject(kept);
    for (const name of Object.keys(dropped)) expect(headers).not.toHaveProperty(name);
  });

  test('carries the code of an error, and the stacks of its causes', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const error = Object.assign(new Error('cannot charge', { cause }), { code: 402 });
    expect(headersOf({ error, reason: 'failed' })).toMatchObject({
      'surehop-error-code': '402',
      'surehop-error-stack': expect.stringMatching(
        /^Error: cannot charge\n[\s\S]*\nCaused by: Error: connect ECONNREFUSED\n/,
      ),
    });
  });

  test('a thrown value that is no error has no stack: it would be one of ours', () => {
    expect(headersOf({ error: 'no', reason: 'failed' })).not.toHaveProperty('surehop-error-stack');
  });

  test('texts have a length that leaves room for all of them', () => {
    const error = Object.assign(new Error('m'.repeat(10_000)), { name: 'n'.repeat(300), stack: 's'.repeat(99_999) });
    const headers = headersOf({ error, reason: 'failed', consumer: 'c'.repeat(300) });
    const [entry] = headers['surehop-history'] as [{ name: string; message: string; consumer: string }];
    expect(headers['surehop-error-stack']).toHaveLength(16_384);
    expect(headers['surehop-error-message']).toHaveLength(4_096);
    expect(headers['surehop-error-name']).toHaveLength(255);
    expect([entry.name, entry.message, entry.consumer].map((text) => text.length)).toEqual([255, 1_024, 255]);
  });

  const hostile = new Error('x');
  for (const property of ['message', 'name', 'stack', 'code', 'cause']) {
    Object.defineProperty(hostile, property, {
      get() {
        throw new Error('no');
      },
    });
  }
  const circular = new Error('round');
  circular.cause = circular;
  test.each([
    ['a string', 'no', 'Error', 'no'],
    ['undefined', undefined, 'Error', 'undefined'],
    ['an object', { a: 1 }, 'Error', '{"a":1}'],
    ['an error that is its own cause', circular, 'Error', 'round'],
    ['an error whose getters throw', hostile, 'Error', ''],
    ['an error with odd fields', Object.assign(new Error('x'), { name: 5, code: {} }), '5', 'x'],
  ])('takes whatever was thrown: %s', (_, error, name, message) => {
    expect(headersOf({ error })).toMatchObject({ 'surehop-error-name': name, 'surehop-error-message': message });
    expect(headersOf({ error })).not.toHaveProperty('surehop-error-code');
  });

  test('ours are strings and non-negative integers only, the history a list of tables of strings', () => {
    const headers = headersOf({
      reason: 'failed',
      notBefore: failedAt,
      error: Object.assign(new Error('x'), { code: 'E' }),
    });
    const { 'surehop-history': history, 'surehop-attempt': attempt, ...texts } = headers;
    expect(attempt).toBe(1);
    expect(Object.values(texts).every((value) => typeof value === 'string')).toBe(true);
    expect((history as object[]).flatMap(Object.values).every((value) => typeof value === 'string')).toBe(true);
  });
});

describe('[limitBytes] what is cut', () => {
  const original = {
    'surehop-history': Array.from({ length: 9 }, (_, index) => ({
      at,
      name: 'Error',
      message: `failure ${index}`,
      consumer: 'shop-1',
    })),
  };
  const error = new TypeError('no such customer');
  const full = headersOf({ headers: original, error, reason: 'failed' });
  const fullBytes = encodedTableSize(full);
  const cutBy = (bytes: number): HeaderTable =>
    headersOf({ headers: original, error, reason: 'failed', limitBytes: fullBytes - bytes });

  test('nothing while it fits', () => {
    expect(cutBy(0)).toEqual(full);
  });

  test('first the oldest entry of the history, while stack and message stay', () => {
    const { 'surehop-history': history, ...rest } = cutBy(1);
    const { 'surehop-history': fullHistory, ...fullRest } = full;
    expect(history).toEqual((fullHistory as unknown[]).slice(1));
    expect(rest).toEqual(fullRest);
  });

  test('then the stack, while the message stays, and only then the message', () => {
    const historyBytes = encodedTableSize({ 'surehop-history': full['surehop-history'] }) - 4;
    const withoutHistory = cutBy(historyBytes + 10);
    expect(withoutHistory).not.toHaveProperty('surehop-history');
    expect((full['surehop-error-stack'] as string).startsWith(withoutHistory['surehop-error-stack'] as string)).toBe(
      true,
    );
    expect(withoutHistory['surehop-error-message']).toBe('no such customer');
    const stackBytes = encodedTableSize({ 'surehop-error-stack': full['surehop-error-stack'] }) - 4;
    const bare = cutBy(historyBytes + stackBytes + 5);
    expect(bare).not.toHaveProperty('surehop-error-stack');
    expect(bare['surehop-error-message']).toBe('no such cus');
  });

  test('when even that does not help, there is no copy', () => {
    expect(failureHeaders(input({ limitBytes: 100 }))).toBeUndefined();
    expect(failureHeaders(input({ headers: { large: 'a'.repeat(60_000) } }))).toBeUndefined();
  });

  test('headers that cannot be encoded again make no copy', () => {
    expect(failureHeaders(input({ headers: { odd: { '!': 'surprise' } } }))).toBeUndefined();
  });

  test('long properties of the copy leave less room', () => {
    const long = 'a'.repeat(255);
    const properties = { messageId: long, correlationId: long, type: long, appId: long, replyTo: long };
    const headers = headersOf({ properties, headers: original, error, limitBytes: fullBytes });
    expect(encodedTableSize(headers)).toBeLessThanOrEqual(fullBytes - (5 * 256 - 980));
  });

  test('texts are never cut within a character', () => {
    const message = '👋'.repeat(3_000);
    const { 'surehop-error-message': cut } = headersOf({ error: new Error(message) });
    expect(Buffer.byteLength(cut as string)).toBe(4_096);
    for (let limitBytes = 500; limitBytes < 520; limitBytes += 1) {
      const text = failureHeaders(input({ error: new Error(message), limitBytes }))?.['surehop-error-message'];
      expect(text).toMatch(/^(?:👋)*$/u);
    }
  });

  test('never over the limit, application headers intact, ours present', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 300 });
    const application = fc.dictionary(
      fc.string({ minLength: 1, maxLength: 20 }).map((name) => `app-${name}`),
      text,
      {
        maxKeys: 5,
      },
    );
    const before = fc.array(fc.record({ at: fc.constant(at), name: text, message: text, consumer: text }), {
      maxLength: 12,
    });
    const limit = fc.integer({ min: 300, max: 8_000 });
    fc.assert(
      fc.property(application, before, text, text, limit, (own, history, message, stack, limitBytes) => {
        const error = Object.assign(new Error(message), { stack: stack.repeat(20) });
        const headers = failureHeaders(input({ headers: { ...own, 'surehop-history': history }, error, limitBytes }));
        if (headers === undefined) {
          // Only where application headers and the rest of ours cannot fit even without anything to cut.
          expect(encodedTableSize(own) + 500).toBeGreaterThan(limitBytes);
          return;
        }
        expect(encodedTableSize(headers)).toBeLessThanOrEqual(limitBytes);
        expect(headers).toMatchObject(own);
        expect(headers).toMatchObject({ 'surehop-attempt': 1, 'surehop-failed-at': at, 'surehop-queue': 'orders' });
        expect(message.startsWith(headers['surehop-error-message'] as string)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('sentOnHeaders()', () => {
  test('keeps ours as they are and drops what the broker wrote', () => {
    const headers = headersOf({ notBefore: failedAt + 1_000 });
    const delivered = { ...headers, tenant: 7, 'x-death': [{ count: 1 }], 'x-delivery-count': 1, CC: ['a'] };
    expect(sentOnHeaders(delivered, {}, 60_000)).toEqual({ ...headers, tenant: 7 });
  });

  test('cuts like a failure does, and gives nothing when even that does not help', () => {
    const headers = { ...headersOf(), tenant: 7 };
    const cut = sentOnHeaders(headers, {}, encodedTableSize(headers) - 1);
    expect(cut).toMatchObject({ tenant: 7, 'surehop-attempt': 1 });
    expect(cut).not.toHaveProperty('surehop-history');
    expect(sentOnHeaders({ large: 'a'.repeat(1_000) }, {}, 1_000)).toBeUndefined();
  });
});

test('a copy is persistent, and drops the expiration and the login of the original', () => {
  expect(
    copyProperties({
      messageId: 'm-1',
      type: 'order',
      timestamp: 5,
      contentType: 'application/json',
      correlationId: 'c',
      replyTo: 'r',
      priority: 3,
      appId: 'web',
      deliveryMode: 1,
      expiration: '200',
      userId: 'other',
    }),
  ).toEqual({
    messageId: 'm-1',
    type: 'order',
    timestamp: 5,
    contentType: 'application/json',
    correlationId: 'c',
    replyTo: 'r',
    priority: 3,
    appId: 'web',
    deliveryMode: 2,
  });
});
