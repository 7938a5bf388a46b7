import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFailure } from './failure-record.ts';

const nothing = {
  failedAttempts: 0,
  firstFailedAt: undefined,
  notBefore: undefined,
  history: [],
  queue: undefined,
  exchange: undefined,
  routingKey: undefined,
};

describe('readFailure()', () => {
  test('reads what this SDK writes', () => {
    const entry = { at: '2026-01-02T03:04:05.678Z', name: 'Error', message: 'no', consumer: 'shop-1' };
    expect(
      readFailure({
        'surehop-attempt': 2,
        'surehop-first-failed-at': '2026-01-02T03:04:05.678Z',
        'surehop-not-before': '2026-01-02T03:05:00Z',
        'surehop-history': [entry],
        'surehop-queue': 'orders',
        'surehop-exchange': '',
        'surehop-routing-key': 'orders',
      }),
    ).toEqual({
      failedAttempts: 2,
      firstFailedAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
      notBefore: Date.UTC(2026, 0, 2, 3, 5),
      history: [entry],
      queue: 'orders',
      exchange: '',
      routingKey: 'orders',
    });
  });

  test('a message without our headers has not failed', () => {
    expect(readFailure({})).toEqual(nothing);
    expect(readFailure({ 'x-death': [{ count: 3 }], other: 1 })).toEqual(nothing);
  });

  test.each([
    ['2', 2],
    [Buffer.from('2'), 2],
    [0, 0],
    [-1, 0],
    [1.5, 0],
    ['-1', 0],
    ['2x', 0],
    ['1e3', 0],
    ['', 0],
    [Number.NaN, 0],
    [true, 0],
    [null, 0],
    [{}, 0],
  ])('an attempt of %j counts as %j', (given, attempts) => {
    expect(readFailure({ 'surehop-attempt': given }).failedAttempts).toBe(attempts);
  });

  test.each(['2', '2026-01-02', '2026-01-02T03:04:05', 'tomorrow', '2026-13-45T99:99:99Z', 1_767_323_045, null])(
    'a time of %j is none',
    (given) => {
      expect(readFailure({ 'surehop-not-before': given, 'surehop-first-failed-at': given })).toEqual(nothing);
    },
  );

  test('times in other zones and bytes instead of strings are understood', () => {
    const given = Buffer.from('2026-01-02T04:04:05+01:00');
    expect(readFailure({ 'surehop-not-before': given }).notBefore).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
  });

  test('entries of the history that make no sense are left out, missing texts are empty, and the last ten stay', () => {
    const at = '2026-01-02T03:04:05.000Z';
    const given = [1, null, 'x', [], {}, Buffer.of(1), { at: 'never' }, { at, message: 5 }];
    expect(readFailure({ 'surehop-history': given }).history).toEqual([{ at, name: '', message: '', consumer: '' }]);
    const many = Array.from({ length: 30 }, (_, index) => ({ at, name: `n${index}`, message: '', consumer: '' }));
    expect(readFailure({ 'surehop-history': many }).history.map(({ name }) => name)).toEqual(
      many.slice(20).map(({ name }) => name),
    );
  });

  test('where it was first published is known as a whole or not at all', () => {
    expect(readFailure({ 'surehop-exchange': 'events' })).toEqual(nothing);
    expect(readFailure({ 'surehop-exchange': 'events', 'surehop-routing-key': 'a'.repeat(256) })).toEqual(nothing);
  });

  test('never throws, whatever the headers hold', () => {
    const names = ['attempt', 'first-failed-at', 'not-before', 'history', 'queue', 'exchange', 'routing-key'];
    const headers = fc.dictionary(fc.constantFrom(...names.map((name) => `surehop-${name}`)), fc.anything());
    fc.assert(fc.property(headers, (given) => readFailure(given) !== undefined));
  });
});
