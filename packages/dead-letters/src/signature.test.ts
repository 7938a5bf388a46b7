import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DeadMessage, FailureError } from './dead-message.ts';
import { readDeath } from './failure-reading.ts';
import { Grouping } from './groups.ts';
import { maskedText, signatureOf } from './signature.ts';

describe('a message, masked', () => {
  test.each([
    ['order 42 not found', 'order # not found'],
    ['order -42.5 not found', 'order # not found'],
    ['order ORD-2026-000042 not found', 'order ORD-#-# not found'],
    ['1,234.56 of 7', '# of #'],
    ['customer 0199b7a2-8f3e-7cc1-9d2e-3f4a5b6c7d8e is gone', 'customer # is gone'],
    ['object 507f1f77bcf86cd799439011 is gone', 'object # is gone'],
    ['at 0x7ffee4b0', 'at #'],
    ['ticket aB3dE9fGh1 is closed', 'ticket # is closed'],
    ['mail to ada.lovelace+x@mail.example.org bounced', 'mail to # bounced'],
    ['since 2026-03-01T12:30:59.123Z', 'since #'],
    ['since 2026-03-01 12:30:59,123 +0100', 'since #'],
    ['connect ECONNREFUSED 10.0.0.7:5432', 'connect ECONNREFUSED #'],
    ['connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED #'],
    ['connect EHOSTUNREACH fe80:0:0:0:1ff:fe23:4567:890a', 'connect EHOSTUNREACH #'],
    [`no customer called "Ada Lovelace"`, 'no customer called #'],
    [`no customer called 'Müller'`, 'no customer called #'],
    [`Cannot read properties of undefined (reading 'total')`, `Cannot read properties of undefined (reading 'total')`],
    [`can't and won't do it`, `can't and won't do it`],
    ['Request failed with status code 503', 'Request failed with status code 503'],
    ['HTTP 404 for order 42', 'HTTP 404 for order #'],
    ['several\n  lines\tof it', 'several lines of it'],
    ['deadbeef is a word', 'deadbeef is a word'],
    ['', ''],
  ])('%s', (message, expected) => {
    expect(maskedText(message)).toBe(expected);
  });

  test('is not told apart by its numbers, whatever they are', () => {
    const number = fc.oneof(fc.nat(), fc.integer(), fc.nat(10 ** 12));
    fc.assert(
      fc.property(number, number, (one, other) => {
        expect(maskedText(`order ${one} not found`)).toBe(maskedText(`order ${other} not found`));
      }),
    );
  });

  test('is short, and ready soon, whatever it is', () => {
    const hostile = fc.constantFrom('1', 'a', '-', ':', '.', ' ', "'", '"', '@', 'f', '0x', '2026-');
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 2_000, maxLength: 4_000 }), (parts) => {
        const startedAt = performance.now();
        expect(maskedText(parts.join('')).length).toBeLessThanOrEqual(300);
        expect(performance.now() - startedAt).toBeLessThan(1_000);
      }),
      { numRuns: 50 },
    );
  });
});

describe('groups', () => {
  const dead = (id: string, error: Partial<FailureError>, headers: object = {}): DeadMessage => {
    const base = readDeath({ 'surehop-reason': 'failed', 'surehop-queue': 'orders', ...headers }, 'orders.dead-letter');
    const all = { name: 'Error', message: undefined, code: undefined, stack: undefined, ...error };
    return { id, failure: { ...base, error: all } } as DeadMessage;
  };

  test('are of one queue, name, code, masked message and reason; the stack does not count', () => {
    const key = (error: Partial<FailureError>, headers: object = {}) => signatureOf(dead('x', error, headers)).key;
    const one = key({ message: 'order 42 not found' });
    expect(one).toMatch(/^[0-9a-f]{12}$/);
    expect(key({ message: 'order 43 not found', stack: 'other' })).toBe(one);
    const others = [
      key({ message: 'order 42 not there' }),
      key({ message: 'order 42 not found', code: 'E42' }),
      key({ message: 'order 42 not found', name: 'TypeError' }),
      key({ message: 'order 42 not found' }, { 'surehop-queue': 'billing' }),
      key({ message: 'order 42 not found' }, { 'surehop-reason': 'dead-letter' }),
      key({ message: undefined }),
      key({ message: '' }),
    ];
    expect(new Set([one, ...others]).size).toBe(8);
  });

  test('have the same key on every machine', () => {
    expect(signatureOf(dead('x', { message: 'order 42 not found' })).key).toBe('f0827a087ba6');
  });

  test('count, and name the one that failed last', () => {
    const grouping = new Grouping();
    const failedAt = (at: string) => ({ 'surehop-failed-at': at });
    grouping.add(dead('a', { message: 'order 1' }, failedAt('2026-03-01T12:00:00Z')));
    grouping.add(dead('other', { message: 'disk full' }));
    grouping.add(dead('b', { message: 'order 2' }, failedAt('2026-03-01T14:00:00Z')));
    grouping.add(dead('c', { message: 'order 3' }, failedAt('2026-03-01T13:00:00Z')));
    grouping.add(dead('d', { message: 'order 4' }));
    const firstAt = Date.parse('2026-03-01T12:00:00Z');
    expect(grouping.groups()).toMatchObject([
      { message: 'order #', count: 4, firstAt, lastAt: firstAt + 7_200_000, sampleId: 'b', queue: 'orders' },
      { message: 'disk full', count: 1, firstAt: undefined, lastAt: undefined, sampleId: 'other' },
    ]);
  });
});
