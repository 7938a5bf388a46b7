import { DeadLetter, RetryLater, SurehopError } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import { UnreadableBody } from '../decide.ts';
import { verdictOn } from './verdict.ts';

const boom = new Error('boom');
const retry = (delayMs: number, countAttempt = true) => ({ verdict: 'retry', delayMs, countAttempt });

describe('a message of a stream that failed', () => {
  test.each([
    [boom, 10, retry(10)],
    [boom, undefined, { verdict: 'dead', reason: 'failed' }],
    ['no error', 10, retry(10)],
    [new DeadLetter('no'), 10, { verdict: 'dead', reason: 'dead-letter' }],
    [new UnreadableBody('invalid', boom), 10, { verdict: 'dead', reason: 'invalid' }],
    [new RetryLater(5), 10, retry(5)],
    [new RetryLater(90_000), 20, retry(90_000)],
    [new RetryLater(5), undefined, { verdict: 'dead', reason: 'failed' }],
    [new RetryLater(5_000, { countAttempt: false }), undefined, retry(5_000, false)],
    [new RetryLater(0, { countAttempt: false }), 10, retry(100, false)],
  ])('with %s, with %s ms until the next attempt', (error, ownDelayMs, verdict) => {
    expect(verdictOn(error, ownDelayMs)).toEqual(verdict);
  });

  test('whose delay makes no sense counts as any other failure', () => {
    const odd = Object.assign(new RetryLater(5), { delayMs: Number.NaN });
    expect(verdictOn(odd, 10)).toEqual(retry(10));
    expect(verdictOn(new SurehopError('SUREHOP_HANDLER_TIMEOUT', 'slow', { retryable: true }), undefined)).toEqual({
      verdict: 'dead',
      reason: 'failed',
    });
  });
});
