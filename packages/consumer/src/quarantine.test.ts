import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { afterSettling, deliveryCountOf, markOf, onArrival } from './quarantine.ts';

describe('the mark', () => {
  test.each([
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 2],
    [5, 3],
    [50, 3],
  ])('of a limit of %i is %i', (limit, mark) => {
    expect(markOf(limit)).toBe(mark);
  });

  test('is reached at least once before the limit, wherever the limit leaves room for that', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 2 ** 31 - 1 }), (limit) => markOf(limit) < limit));
  });
});

describe('deliveryCountOf()', () => {
  test.each([
    [{}, 0],
    [{ 'x-delivery-count': 2 }, 2],
    [{ 'x-acquired-count': 4, 'x-delivery-count': 2 }, 4],
    [{ 'x-delivery-count': '3' }, 3],
    [{ 'x-delivery-count': Buffer.from('3') }, 3],
    [{ 'x-delivery-count': -3, 'x-acquired-count': 'three' }, 0],
    [{ 'x-delivery-count': 1.5, 'x-acquired-count': [9] }, 0],
    [{ 'x-delivery-count': Number.POSITIVE_INFINITY }, 0],
  ])('of %j is %i', (headers, count) => {
    expect(deliveryCountOf({ redelivered: true, headers })).toBe(count);
  });

  test('of what the broker does not call redelivered is 0: the count is foreign', () => {
    expect(deliveryCountOf({ redelivered: false, headers: { 'x-delivery-count': 5, 'x-acquired-count': 5 } })).toBe(0);
  });

  test('never throws and never gives nonsense', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (one, other) => {
        const headers = { 'x-delivery-count': one, 'x-acquired-count': other };
        const count = deliveryCountOf({ redelivered: true, headers });
        expect(Number.isSafeInteger(count) && count >= 0).toBe(true);
      }),
    );
  });
});

describe('the mode', () => {
  test('a first delivery without a mark opens the full window, and is itself handled', () => {
    expect(onArrival('first', false)).toEqual({ mode: 'full', action: 'take and retire' });
  });

  test('a first delivery with a mark is handled alone', () => {
    expect(onArrival('first', true)).toEqual({ mode: 'quarantine', action: 'take' });
  });

  test('a marked delivery among others is not started, nor are they', () => {
    expect(onArrival('full', true)).toEqual({ mode: 'quarantine', action: 'retire' });
    expect(onArrival('full', false)).toEqual({ mode: 'full', action: 'take' });
  });

  test('quarantine ends when an unmarked delivery was settled, and by nothing else', () => {
    expect(onArrival('quarantine', false)).toEqual({ mode: 'quarantine', action: 'take' });
    expect(onArrival('quarantine', true)).toEqual({ mode: 'quarantine', action: 'take' });
    expect(afterSettling('quarantine', true)).toBe('quarantine');
    expect(afterSettling('quarantine', false)).toBe('full');
    expect(afterSettling('full', true)).toBe('full');
    expect(afterSettling('first', false)).toBe('first');
  });
});
