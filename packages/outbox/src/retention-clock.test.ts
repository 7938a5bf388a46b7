import type { Logger } from '@surehop/core';
import type { Clock } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { RetentionClock } from './retention-clock.ts';

const hourMs = 3_600_000;

function clockAt(): { readonly retention: RetentionClock; pass(ms: number): void; readonly told: unknown[] } {
  let now = 0;
  const told: unknown[] = [];
  const log = { warn: (fields: unknown) => told.push(fields) } as unknown as Logger;
  const retention = new RetentionClock({ now: () => now } as Clock, log);
  const pass = (ms: number): void => {
    now += ms;
  };
  return { retention, pass, told };
}

test('goes by the database’s clock as long as it runs as ours', () => {
  const { retention, pass, told } = clockAt();
  expect(retention.cutoffAt(10 * hourMs, hourMs).getTime()).toBe(9 * hourMs);
  pass(hourMs);
  expect(retention.cutoffAt(11 * hourMs + 500, hourMs).getTime()).toBe(10 * hourMs);
  expect(told).toEqual([]);
});

test('a jump ahead makes nothing old, is told once; a jump back keeps more', () => {
  const { retention, pass, told } = clockAt();
  retention.cutoffAt(10 * hourMs, hourMs);
  pass(1_000);
  expect(retention.cutoffAt(1_000 * hourMs, hourMs).getTime()).toBe(9 * hourMs + 1_000);
  retention.cutoffAt(1_000 * hourMs, hourMs);
  expect(told).toEqual([expect.objectContaining({ code: 'SUREHOP_CLOCK_JUMPED' })]);
  expect(retention.cutoffAt(5 * hourMs, hourMs).getTime()).toBe(4 * hourMs);
});
