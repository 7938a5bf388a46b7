import { describe, expect, test } from 'vitest';
import { DeadLetter, isDeadLetter, isRetryLater, RetryLater } from './handler.ts';

describe('DeadLetter', () => {
  test('carries a reason and a cause', () => {
    const cause = new Error('no such customer');
    expect(new DeadLetter('unknown customer', { cause })).toMatchObject({
      name: 'DeadLetter',
      message: 'unknown customer',
      cause,
    });
  });

  test('needs a reason: somebody will have to understand it', () => {
    expect(() => new DeadLetter('')).toThrow(expect.objectContaining({ code: 'SUREHOP_OPTION_INVALID' }));
  });
});

describe('RetryLater', () => {
  test('counts as an attempt unless asked not to', () => {
    expect(new RetryLater(5_000)).toMatchObject({ name: 'RetryLater', delayMs: 5_000, countAttempt: true });
    expect(new RetryLater(5_000).message).toBe('asked to be retried after 5000 ms');
    const cause = new Error('429');
    expect(new RetryLater(0, { countAttempt: false, cause, reason: 'rate limit' })).toMatchObject({
      delayMs: 0,
      countAttempt: false,
      cause,
      message: 'rate limit',
    });
  });

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', undefined, 315_360_000_001])(
    'refuses a delay of %s',
    (delayMs) => {
      expect(() => new RetryLater(delayMs as number)).toThrow(
        expect.objectContaining({ code: 'SUREHOP_OPTION_INVALID' }),
      );
    },
  );

  test('refuses a countAttempt that is no boolean', () => {
    expect(() => new RetryLater(1, { countAttempt: 'no' as never })).toThrow('countAttempt');
  });
});

test('signals are known across two installed copies of the package, and nothing else is taken for one', () => {
  const copy = <T extends Error>(signal: T): Error => Object.assign(new Error(signal.message), { ...signal });
  const deadLetter = new DeadLetter('x');
  const retryLater = new RetryLater(1);
  expect([deadLetter, copy(deadLetter), retryLater, new Error('x'), 'x', undefined].map(isDeadLetter)).toEqual(
    [true, true, false, false, false, false], // in this order
  );
  expect([retryLater, copy(retryLater), deadLetter, new Error('x'), null].map(isRetryLater)).toEqual(
    [true, true, false, false, false], // in this order
  );
});
