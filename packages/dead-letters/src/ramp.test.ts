import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pace } from './pace.ts';
import { Ramp } from './ramp.ts';

test('a pace lets as many go as it may, never more, and makes up for late timers only', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.array(fc.nat(300), { maxLength: 200 }), (perSecond, pauses) => {
      const pace = new Pace();
      let now = 1_000;
      let gone = 0;
      for (const pause of pauses) {
        now += pause;
        while (pace.waitMs(now) === 0) {
          pace.take(now, perSecond);
          gone += 1;
        }
        expect(gone).toBeLessThanOrEqual(((now - 1_000) * perSecond) / 1_000 + 1 + perSecond / 10 + 1e-6);
      }
    }),
  );
  const pace = new Pace();
  pace.take(0, 10);
  expect(pace.waitMs(0)).toBe(0); // of the first tenth of a second
  pace.take(0, 10);
  expect(pace.waitMs(0)).toBe(100);
  expect(pace.waitMs(100)).toBe(0);
  pace.take(100_000, 10);
  pace.take(100_000, 10);
  expect(pace.waitMs(100_000)).toBe(100);
});

const options = { stepsPerSecond: [1, 5, 20], stepMs: 1_000, maxFailedShare: 0.5 };
const none = { inStep: 0, inAll: 0 };

test('a ramp goes from step to step, and keeps the last one', () => {
  const ramp = new Ramp(options, 0);
  const rates: number[] = [];
  for (let now = 0; now < 5_000; now += 1_000) {
    rates.push(ramp.perSecond);
    expect(ramp.leftMs(now)).toBe(1_000);
    expect(ramp.leftMs(now + 1_000)).toBe(0);
    ramp.sent();
    expect(ramp.next(none, now + 1_000)).toBe(true);
  }
  expect(rates).toEqual([1, 5, 20, 20, 20]);
  expect(ramp.step).toBe(5);
});

test('it stops when more than its share of a step came back', () => {
  const ramp = new Ramp(options, 0);
  for (let sent = 0; sent < 10; sent += 1) ramp.sent();
  expect(ramp.next({ inStep: 5, inAll: 5 }, 1_000)).toBe(true);
  for (let sent = 0; sent < 4; sent += 1) ramp.sent();
  expect(ramp.next({ inStep: 3, inAll: 3 }, 2_000)).toBe(false);
});

test('it stops when more than its share of all came back, however late', () => {
  const ramp = new Ramp(options, 0);
  for (let sent = 0; sent < 10; sent += 1) ramp.sent();
  expect(ramp.next(none, 1_000)).toBe(true);
  ramp.sent();
  expect(ramp.next({ inStep: 0, inAll: 6 }, 2_000)).toBe(false);
});

test('a step in which nothing was sent says nothing', () => {
  const ramp = new Ramp({ ...options, maxFailedShare: 0 }, 0);
  expect(ramp.next(none, 1_000)).toBe(true);
  ramp.sent();
  expect(ramp.next({ inStep: 1, inAll: 1 }, 2_000)).toBe(false);
});
