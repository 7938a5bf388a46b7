import { memoryPositionStore } from '@surehop/core';
import { expect, test } from 'vitest';
import { resolveReaderOptions, type StreamReaderOptions } from './reader-options.ts';

test('what is not given has its default, also where it is given as undefined', () => {
  const given = { prefetch: undefined, from: 5 } as unknown as StreamReaderOptions;
  expect(resolveReaderOptions(given)).toMatchObject({ prefetch: 100, from: 5, name: 'reader', whenGone: 'fail' });
});

test.each([
  ['first', {}],
  [0, {}],
  [new Date(), { store: memoryPositionStore(), name: 'billing.v2' }],
] as const)('%s is a place to begin at', (from, more) => {
  expect(resolveReaderOptions({ from, ...more }).from).toBe(from);
});

test.each([
  [{ from: 'middle' }, "from must be 'first', 'last', 'next', an offset or a Date, got string"],
  [{ from: -1 }, 'from, as an offset, must be an integer of at least 0, got -1'],
  [{ from: 1.5 }, 'from, as an offset, must be an integer'],
  [{ from: new Date('nonsense') }, 'no moment'],
  [{ from: null }, 'got null'],
  [{ name: 'a/b' }, 'name must be'],
  [{ name: '' }, 'name must be'],
  [{ store: {} }, 'load of the store'],
  [{ store: null }, 'store must be a PositionStore, got null'],
  [{ whenGone: 'skip' }, 'whenGone'],
  [{ saveEvery: 0 }, 'saveEvery must be an integer in [1, 1000000], got 0'],
  [{ saveAfterMs: -1 }, 'saveAfterMs'],
  [{ prefetch: 0 }, 'prefetch must be an integer in [1, 65535], got 0'],
  [{ concurrency: 2 }, 'createStreamReader has no option "concurrency"'],
])('%j is refused', (options, text) => {
  expect(() => resolveReaderOptions(options as StreamReaderOptions)).toThrow(
    expect.objectContaining({ code: 'SUREHOP_OPTION_INVALID', message: expect.stringContaining(text) }),
  );
});
