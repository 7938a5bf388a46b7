import { NotSentError, RefusedError, SurehopError, UnknownOutcomeError } from '@surehop/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verdictOn } from './verdict.ts';

const options = { maxAttempts: 4, retryDelayMs: 100, retryMaxDelayMs: 250, random: () => 0 };

test('what lies with the connection uses up no attempt, whatever came before', () => {
  const full = new SurehopError('SUREHOP_PUBLISHER_FULL', '', { retryable: true });
  for (const error of [new NotSentError('m', ''), new UnknownOutcomeError('m', ''), full]) {
    expect(verdictOn(error, 1_000, options)).toEqual({ status: 'waiting' });
  }
});

test('a refusal is tried again after at least half of a delay that doubles, and is set aside at the last attempt', () => {
  const refusal = new RefusedError('m', 'queue "orders"');
  const delays = [0, 1, 2, 3].map((attempts) => verdictOn(refusal, attempts, options));
  const error = { code: 'SUREHOP_REFUSED', message: refusal.message };
  expect(delays).toEqual([
    { status: 'failed', delayMs: 50, error },
    { status: 'failed', delayMs: 100, error },
    { status: 'failed', delayMs: 125, error },
    { status: 'set aside', error },
  ]);
});

test('no delay is longer than its ceiling', () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(unit, fc.integer({ min: 0, max: 990 }), (random, attempts) => {
      const many = { ...options, maxAttempts: 1_000, random: () => random };
      const verdict = verdictOn(new RefusedError('m', ''), attempts, many);
      expect(verdict.status === 'failed' && verdict.delayMs).toBeLessThanOrEqual(250);
    }),
  );
});

test('what nobody has thought of counts as a refusal', () => {
  const verdict = verdictOn(new TypeError('x'), 3, options);
  expect(verdict).toEqual({ status: 'set aside', error: { code: 'TypeError', message: 'x' } });
});
