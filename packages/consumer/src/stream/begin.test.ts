import { describe, expect, test } from 'vitest';
import { type Begin, beginOf, consumerArguments, firstDelivery, offsetOf } from './begin.ts';

const place = (begin: Begin): unknown => consumerArguments(begin)['x-stream-offset'];

describe('where a reader begins', () => {
  test('a stored position comes before what was asked for', () => {
    expect(beginOf('next', 7)).toEqual({ at: 'after', offset: 6 });
    expect(beginOf('next', 0)).toEqual({ at: 'offset', offset: 0 });
    expect(beginOf(3, undefined)).toEqual({ at: 'offset', offset: 3 });
    expect(beginOf('last', undefined)).toEqual({ at: 'last' });
  });

  test('is told to the broker: behind a message at that message, a moment in whole seconds', () => {
    expect(place({ at: 'after', offset: 7 })).toBe(7);
    expect(place({ at: 'offset', offset: 7 })).toBe(7);
    expect(place({ at: 'first' })).toBe('first');
    expect(place(beginOf(new Date(1_700_000_000_900), undefined))).toEqual({ '!': 'timestamp', value: 1_700_000_000 });
    expect(place(beginOf(new Date(-5_000), undefined))).toEqual({ '!': 'timestamp', value: 0 });
  });
});

describe('the first delivery', () => {
  const after: Begin = { at: 'after', offset: 7 };
  test.each([
    [after, 5, 'skip'],
    [after, 7, 'proof'],
    [after, 8, 'take'],
    [after, 9, 'gone'],
    [{ at: 'offset', offset: 7 }, 6, 'skip'],
    [{ at: 'offset', offset: 7 }, 7, 'take'],
    [{ at: 'offset', offset: 7 }, 9, 'take'],
    [{ at: 'first' }, 9, 'take'],
    [{ at: 'date', date: new Date(0) }, 0, 'take'],
  ] as const)('to %j at %i: %s', (begin, offset, means) => {
    expect(firstDelivery(begin, offset)).toBe(means);
  });

  test.each([[{}], [{ 'x-stream-offset': '7' }], [{ 'x-stream-offset': 1.5 }]])('%j has no offset', (headers) => {
    expect(offsetOf(headers)).toBeUndefined();
  });
});
