import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Delivery } from './delivery.ts';
import { afterSettling, deliveryCountOf, isFreeToGiveBack, markOf, nextToFinish, onArrival } from './quarantine.ts';

describe('the mark', () => {
  test.each([
    [1, 1],
    [2, 1],
    [5, 1],
    [10, 1],
    [11, 2],
    [20, 2],
    [21, 3],
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
  test('a first delivery without a mark opens the full window', () => {
    expect(onArrival('first', false)).toEqual({ mode: 'full', isLast: true });
  });

  test('a first delivery with a mark is handled alone', () => {
    expect(onArrival('first', true)).toEqual({ mode: 'quarantine', isLast: false });
  });

  test('a marked delivery among others is the last that is asked for', () => {
    expect(onArrival('full', true)).toEqual({ mode: 'quarantine', isLast: true });
    expect(onArrival('full', false)).toEqual({ mode: 'full', isLast: false });
  });

  test('quarantine ends when an unmarked delivery was settled, and by nothing else', () => {
    expect(onArrival('quarantine', false)).toEqual({ mode: 'quarantine', isLast: false });
    expect(onArrival('quarantine', true)).toEqual({ mode: 'quarantine', isLast: false });
    expect(afterSettling('quarantine', true)).toBe('quarantine');
    expect(afterSettling('quarantine', false)).toBe('full');
    expect(afterSettling('full', true)).toBe('full');
    expect(afterSettling('first', false)).toBe('first');
  });
});

describe('what a retired subscription still holds', () => {
  const held = (...counts: number[]) => counts.map((deliveryCount) => ({ deliveryCount }) as Delivery);
  const isMarked = ({ deliveryCount }: Delivery) => deliveryCount >= 3;
  const order = (deliveries: Delivery[]) => {
    const left = [...deliveries];
    const indices: number[] = [];
    while (left.length > 0) {
      const next = nextToFinish(left, isMarked, true) as Delivery;
      left.splice(left.indexOf(next), 1);
      indices.push(deliveries.indexOf(next));
    }
    return indices;
  };

  test('is finished with what bears no mark first, and the most suspicious last', () => {
    expect(order(held(5, 0, 3, 2, 4))).toEqual([1, 3, 2, 4, 0]);
  });

  test('is finished the other way round where it was delivered once more: nobody stays behind the one that kills', () => {
    expect(order(held(4, 4, 4))).toEqual([0, 1, 2]);
    expect(order(held(5, 5, 5))).toEqual([2, 1, 0]);
  });

  test('waits with what is marked until nothing else is handled', () => {
    expect(nextToFinish(held(3, 3), isMarked, false)).toBeUndefined();
    expect(nextToFinish(held(3, 0), isMarked, false)).toEqual({ deliveryCount: 0 });
    expect(nextToFinish([], isMarked, true)).toBeUndefined();
  });

  test('may be given back where the broker tells how often it handed a message out: it does not count that', () => {
    expect(isFreeToGiveBack({ headers: { 'x-acquired-count': 3 } })).toBe(true);
    expect(isFreeToGiveBack({ headers: { 'x-delivery-count': 3 } })).toBe(false);
  });
});
