import { DeadLetter, RetryLater, SurehopError } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import { UnreadableBody } from '../decide.ts';
import { verdictOn } from './verdict.ts';

const ladder = [10, 20];
const boom = new Error('boom');
const retry = (delayMs: number, countAttempt = true) => ({ verdict: 'retry', delayMs, countAttempt });

describe('a message of a stream that failed', () => {
  test.each([
    [boom, 1, retry(10)],
    [boom, 2, retry(20)],
    [boom, 3, { verdict: 'dead', reason: 'failed' }],
    ['no error', 1, retry(10)],
    [new DeadLetter('no'), 1, { verdict: 'dead', reason: 'dead-letter' }],
    [new UnreadableBody('invalid', boom), 1, { verdict: 'dead', reason: 'invalid' }],
    [new RetryLater(5), 1, retry(5)],
    [new RetryLater(90_000), 2, retry(90_000)],
    [new RetryLater(5), 3, { verdict: 'dead', reason: 'failed' }],
    [new RetryLater(5_000, { countAttempt: false }), 3, retry(5_000, false)],
    [new RetryLater(0, { countAttempt: false }), 1, retry(100, false)],
  ])('with %s at attempt %i', (error, attempt, verdict) => {
    expect(verdictOn(error, attempt, ladder)).toEqual(verdict);
  });

  test('whose delay makes no sense counts as any other failure', () => {
    const odd = Object.assign(new RetryLater(5), { delayMs: Number.NaN });
    expect(verdictOn(odd, 1, ladder)).toEqual(retry(10));
    expect(verdictOn(new SurehopError('SUREHOP_HANDLER_TIMEOUT', 'slow', { retryable: true }), 1, [])).toEqual({
      verdict: 'dead',
      reason: 'failed',
    });
  });
});
