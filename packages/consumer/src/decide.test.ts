import { DeadLetter, exponential, RetryLater, SurehopError } from '@surehop/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, stillToWait, UnreadableBody, waitFor } from './decide.ts';

const now = 1_700_000_000_000;
const ladder = { delaysMs: [1_000, 10_000, 60_000] };
const half = () => 0.5;
const failure = new Error('boom');

const retry = (rungMs: number, more: object = {}) => ({
  verdict: 'retry',
  delayMs: rungMs,
  rungMs,
  countAttempt: true,
  way: 'rung',
  notBefore: undefined,
  ...more,
});
const exactly = (rungMs: number, more: object = {}) => retry(rungMs, { way: 'network', ...more });

describe('an ordinary failure', () => {
  test.each([
    [1, retry(1_000)],
    [2, retry(10_000)],
    [3, retry(60_000)],
    [4, { verdict: 'dead', reason: 'failed' }],
    [900, { verdict: 'dead', reason: 'failed' }],
  ])('of attempt %i', (attempt, verdict) => {
    expect(decide(failure, attempt, ladder, now, half)).toEqual(verdict);
  });

  test('without retries is dead at once', () => {
    expect(decide(failure, 1, { delaysMs: [] }, now, half)).toEqual({ verdict: 'dead', reason: 'failed' });
  });

  test('whatever was thrown', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        expect(decide(thrown, 1, ladder, now, half)).toEqual(retry(1_000));
      }),
    );
  });
});

describe('a failure that says what it means', () => {
  test('DeadLetter is dead at once, also of another copy of the package', () => {
    const dead = { verdict: 'dead', reason: 'dead-letter' };
    expect(decide(new DeadLetter('no'), 1, ladder, now, half)).toEqual(dead);
    expect(decide(Object.assign(new Error('no'), { kind: 'surehop.dead-letter' }), 1, ladder, now, half)).toEqual(dead);
  });

  test('a body that cannot be read is dead at once, but not an error of the same code that a handler threw', () => {
    const cause = new SurehopError('SUREHOP_BODY_INVALID', 'no', { retryable: false });
    expect(decide(new UnreadableBody('invalid', cause), 1, ladder, now, half)).toEqual({
      verdict: 'dead',
      reason: 'invalid',
    });
    expect(decide(cause, 1, ladder, now, half)).toEqual(retry(1_000));
  });
});

describe('retries by the broker', () => {
  const broker = { delaysMs: [], broker: { minMs: 500, maxMs: 1_200, attempts: 4 } };

  test.each([
    [1, 500],
    [2, 1_000],
    [3, 1_200],
  ])('after attempt %i the broker keeps it back for %i ms', (attempt, delayMs) => {
    expect(decide(failure, attempt, broker, now, half)).toMatchObject({ way: 'broker', delayMs });
  });

  test('the last attempt is the last, and RetryLater goes before it', () => {
    expect(decide(failure, 4, broker, now, half)).toEqual({ verdict: 'dead', reason: 'failed' });
    expect(decide(new RetryLater(700), 1, broker, now, half)).toMatchObject({ way: 'network', delayMs: 700 });
  });
});

describe('exponential()', () => {
  const growing = exponential({ minMs: 1_000, maxMs: 5_000, factor: 3, jitter: 0.2, attempts: 5 });

  test.each([
    [1, 0, 1_000],
    [1, 0.5, 900],
    [2, 0, 3_000],
    [3, 0, 5_000],
    [4, 0.999, 4_001],
  ])('after attempt %i, with chance at %d, waits %i ms', (attempt, random, delayMs) => {
    expect(decide(failure, attempt, growing, now, () => random)).toMatchObject({ delayMs, way: 'network' });
  });

  test('the last attempt is the last', () => {
    expect(decide(failure, 5, growing, now, half)).toEqual({ verdict: 'dead', reason: 'failed' });
  });

  test('RetryLater goes before it', () => {
    expect(decide(new RetryLater(70), 1, growing, now, half)).toMatchObject({ delayMs: 70, way: 'network' });
  });
});

describe('RetryLater', () => {
  test('waits for just so long, or in the smallest rung that is long enough', () => {
    expect(decide(new RetryLater(0), 1, ladder, now, half)).toEqual(exactly(1_000, { delayMs: 0 }));
    expect(decide(new RetryLater(1_001), 3, ladder, now, half)).toEqual(exactly(10_000, { delayMs: 1_001 }));
  });

  test('beyond the longest waits there, and then goes round', () => {
    const verdict = decide(new RetryLater(90_000), 1, ladder, now, half);
    expect(verdict).toEqual(exactly(60_000, { delayMs: 90_000, notBefore: now + 90_000 }));
  });

  test.each([
    [[10], 600_000, 60_000, now + 600_000],
    [[10, 5_000], 50_001, 60_000, undefined],
    [[10, 5_000], 50_000, 5_000, now + 50_000],
    [[10], 101, 60_000, undefined],
    [[10, 60_000], 6_000_000, 60_000, now + 6_000_000],
    [[10, 90_000], 600_000, 90_000, now + 600_000],
  ])('on a ladder of %j, %i ms are waited for in the rung of %i ms', (delaysMs, delayMs, rungMs, notBefore) => {
    expect(decide(new RetryLater(delayMs), 1, { delaysMs }, now, half)).toEqual(
      exactly(rungMs, { delayMs, notBefore }),
    );
  });

  test('of about a rung’s delay waits there, as that is the faster way', () => {
    expect(decide(new RetryLater(10_000), 1, ladder, now, half)).toEqual(retry(10_000));
    expect(decide(new RetryLater(9_901), 1, ladder, now, half)).toEqual(retry(10_000, { delayMs: 9_901 }));
    expect(decide(new RetryLater(9_900), 1, ladder, now, half)).toEqual(exactly(10_000, { delayMs: 9_900 }));
  });

  test('counts as an attempt, unless it says otherwise', () => {
    expect(decide(new RetryLater(5), 4, ladder, now, half)).toEqual({ verdict: 'dead', reason: 'failed' });
    const free = decide(new RetryLater(5, { countAttempt: false }), 4, ladder, now, half);
    expect(free).toEqual(exactly(1_000, { delayMs: 5, countAttempt: false }));
  });

  test('without rungs gets one of a minute', () => {
    const free = decide(new RetryLater(90_000, { countAttempt: false }), 1, { delaysMs: [] }, now, half);
    expect(free).toEqual(exactly(60_000, { delayMs: 90_000, countAttempt: false, notBefore: now + 90_000 }));
    expect(waitFor(0, [], now)).toEqual({ delayMs: 0, rungMs: 60_000, notBefore: undefined });
  });

  test.each([Number.NaN, -1, 1.5, '100', undefined])(
    'made by hand with a delay of %s is an ordinary failure',
    (delayMs) => {
      const error = Object.assign(new Error('later'), { kind: 'surehop.retry-later', delayMs, countAttempt: true });
      expect(decide(error, 1, ladder, now, half)).toEqual(retry(1_000));
    },
  );

  test('made by hand with an endless delay waits for ten years', () => {
    const error = Object.assign(new Error('later'), { kind: 'surehop.retry-later', delayMs: Number.MAX_SAFE_INTEGER });
    expect(decide(error, 1, ladder, now, half)).toMatchObject({ delayMs: 315_360_000_000 });
  });
});

test('every wait ends: the rung alone is long enough, or the message carries its time', () => {
  const ladders = fc.uniqueArray(fc.integer({ min: 1, max: 10_000_000 })).map((delays) => delays.sort((a, b) => a - b));
  fc.assert(
    fc.property(fc.nat(20_000_000), ladders, (delayMs, delaysMs) => {
      const { rungMs, notBefore } = waitFor(delayMs, delaysMs, now);
      expect(notBefore).toBe(rungMs >= delayMs ? undefined : now + delayMs);
      expect([...delaysMs, 60_000]).toContain(rungMs);
      // Nothing is copied all the time.
      expect(rungMs >= 60_000 || rungMs * 10 >= delayMs).toBe(true);
    }),
  );
});

test.each([
  [undefined, undefined],
  [now - 1, undefined],
  [now + 50, undefined],
  [now + 51, 51],
])('a message not to be handled before %s has %s ms to wait', (notBefore, waitMs) => {
  expect(stillToWait({ notBefore, failedAt: undefined }, now)).toBe(waitMs);
  expect(stillToWait({ notBefore, failedAt: now }, now)).toBe(waitMs);
});

test('a message does not wait for a clock that was set back', () => {
  expect(stillToWait({ notBefore: now + 3_601_500, failedAt: now + 3_600_000 }, now)).toBeUndefined();
});
