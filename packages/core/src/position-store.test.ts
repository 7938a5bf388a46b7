import { expect, test } from 'vitest';
import { memoryPositionStore } from './position-store.ts';

test('a position is what was saved last, and never goes back', async () => {
  const store = memoryPositionStore();
  expect(await store.load('one')).toBeUndefined();
  await store.save('one', 7);
  await store.save('one', 3);
  await store.save('two', 0);
  expect(await store.load('one')).toBe(7);
  expect(await store.load('two')).toBe(0);
});

test.each([-1, 1.5, Number.NaN, 2 ** 53])('%d is no position', async (position) => {
  const store = memoryPositionStore();
  await expect(store.save('one', position)).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
  await expect(store.save('', 1)).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
  expect(await store.load('one')).toBeUndefined();
});
