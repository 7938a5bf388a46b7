import type { Clock } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import type { CameBack } from './ramp.ts';
import { Tempo } from './tempo.ts';

/** Jumps to each timer at once. */
function jumpingClock(): Pick<Clock, 'now' | 'setTimeout'> & Clock {
  let now = 0;
  return {
    now: () => now,
    epochMs: () => now,
    setTimeout(callback, delayMs) {
      queueMicrotask(() => {
        now += Math.max(0, delayMs);
        callback();
      });
      return () => undefined;
    },
    defer: queueMicrotask,
    deadline: () => new AbortController().signal,
  };
}

const never = new AbortController().signal;

test('a rate spreads messages over time', async () => {
  const clock = jumpingClock();
  const tempo = new Tempo(clock, { ratePerSecond: 20 });
  const nobody = async (): Promise<CameBack> => ({ inStep: 0, inAll: 0 });
  for (let sent = 0; sent < 201; sent += 1) expect(await tempo.turn(nobody, never)).toBe(true);
  expect(clock.now()).toBeGreaterThanOrEqual(9_800);
  expect(clock.now()).toBeLessThanOrEqual(10_000);
});

test('a ramp asks at the end of each step, and no rate lets it go faster', async () => {
  const clock = jumpingClock();
  const ramp = { stepsPerSecond: [2, 100], stepMs: 1_000 };
  const tempo = new Tempo(clock, { ratePerSecond: 10, ramp });
  const asked: number[] = [];
  const cameBack = async (): Promise<CameBack> => {
    asked.push(clock.now());
    return { inStep: 0, inAll: asked.length === 3 ? 1_000 : 0 };
  };
  let sent = 0;
  while (await tempo.turn(cameBack, never)) sent += 1;
  expect(asked).toEqual([1_000, 2_000, 3_000]);
  expect(sent).toBeGreaterThanOrEqual(15);
  expect(sent).toBeLessThanOrEqual(26);
});

test('waiting ends with the signal', async () => {
  const clock = { ...jumpingClock(), setTimeout: () => () => undefined };
  const tempo = new Tempo(clock, { ratePerSecond: 1 });
  const nobody = async (): Promise<CameBack> => ({ inStep: 0, inAll: 0 });
  const stop = new AbortController();
  await tempo.turn(nobody, stop.signal);
  const second = tempo.turn(nobody, stop.signal);
  stop.abort(new Error('enough'));
  await expect(second).rejects.toThrow('enough');
});
