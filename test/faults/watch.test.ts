import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Watch } from './watch.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

test('what was under way before the heal is not the first after it', () => {
  const watch = new Watch();
  watch.published('before', 30_000);
  const beganBefore = performance.now();
  vi.advanceTimersByTime(1_000);
  watch.healed();
  vi.advanceTimersByTime(5);
  watch.resolvedTo('before');
  watch.handledOne('before', beganBefore);
  expect(watch.isUnderWay).toBe(false);
  expect(watch.figures([])).toMatchObject({ firstPublishedMs: undefined, firstHandledMs: undefined });

  watch.published('after', 30_000);
  vi.advanceTimersByTime(300);
  watch.resolvedTo('after');
  watch.handledOne('after');
  vi.advanceTimersByTime(100);
  watch.handledOne('after');
  expect(watch.isUnderWay).toBe(true);
  expect(watch.figures([])).toMatchObject({ firstPublishedMs: 305, firstHandledMs: 305 });
});

test('each heal begins to count anew; where nothing was mended, nothing was measured', () => {
  const watch = new Watch();
  watch.published('1', 30_000);
  watch.resolvedTo('1');
  watch.handledOne('1');
  expect(watch.figures([])).toMatchObject({ firstPublishedMs: undefined, firstHandledMs: undefined });
  for (const id of ['2', '3']) {
    watch.healed();
    vi.advanceTimersByTime(Number(id) * 10);
    watch.handledOne(id);
  }
  expect(watch.figures([])).toMatchObject({ firstHandledMs: 30 });
});
