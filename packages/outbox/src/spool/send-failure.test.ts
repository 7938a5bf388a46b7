import { NotSentError, RefusedError, SurehopError, UnknownOutcomeError, UnroutableError } from '@surehop/core';
import { expect, test } from 'vitest';
import { refusalIn } from './send-failure.ts';

const unroutable = new UnroutableError('m', 'queue "q"', { code: 312, text: 'NO_ROUTE' });

test('only an answer that speaks of the message counts against it', () => {
  expect(refusalIn(unroutable)).toBe(unroutable);
  expect(refusalIn(new RefusedError('m', 'queue "q"'))?.code).toBe('SUREHOP_REFUSED');
  expect(refusalIn(new UnknownOutcomeError('m', 'answered', { cause: unroutable }))).toBe(unroutable);
  expect(refusalIn(new UnknownOutcomeError('m', 'not answered'))).toBeUndefined();
  expect(refusalIn(new NotSentError('m', 'the connection is down'))).toBeUndefined();
  expect(refusalIn(new SurehopError('SUREHOP_CLOSED', 'closed', { retryable: false }))).toBeUndefined();
  expect(refusalIn('nonsense')).toBeUndefined();
});
