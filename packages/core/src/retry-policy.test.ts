import { expect, test } from 'vitest';
import { exponential, longestDelayMs, resolveRetry } from './retry-policy.ts';

test('without a policy a message is tried again after 1 s, 10 s, 1 min and 10 min', () => {
  expect(resolveRetry('queue "orders"', undefined).delaysMs).toEqual([1_000, 10_000, 60_000, 600_000]);
  expect(resolveRetry('queue "orders"', {}).delaysMs).toEqual([1_000, 10_000, 60_000, 600_000]);
});

test('[delaysMs] an empty list means no retries', () => {
  expect(resolveRetry('queue "orders"', { delaysMs: [] }).delaysMs).toEqual([]);
});

test('[delaysMs] the longest delay is what the broker takes, ten years', () => {
  expect(resolveRetry('queue "orders"', { delaysMs: [1, longestDelayMs] }).delaysMs).toEqual([1, 315_360_000_000]);
  expect(() => resolveRetry('queue "orders"', { delaysMs: [longestDelayMs + 1] })).toThrow(
    'retry.delaysMs[0] of queue "orders" must be an integer in [1, 315360000000], got 315360000001',
  );
});

test.each([[[-1]], [[0]], [[1.5]], [['1000']], [[Number.NaN]], [new Array(1)]])('[delaysMs] refuses %j', (delaysMs) => {
  expect(() => resolveRetry('queue "orders"', { delaysMs: delaysMs as number[] })).toThrow('must be an integer in');
});

test.each([[[10, 5]], [[5, 5]]])('[delaysMs] refuses %j: each must be longer than the one before', (delaysMs) => {
  expect(() => resolveRetry('queue "orders"', { delaysMs }, 'SUREHOP_CONTRACT_INVALID')).toThrow(
    expect.objectContaining({
      code: 'SUREHOP_CONTRACT_INVALID',
      message: expect.stringContaining('retry.delaysMs[1] of queue "orders" must be longer than the one before it'),
    }),
  );
});

test('refuses what is no list and options that nobody reads', () => {
  expect(() => resolveRetry('queue "orders"', { delaysMs: 5 as never })).toThrow('must be an array, got number');
  expect(() => resolveRetry('queue "orders"', { delayMs: [5] } as never)).toThrow('did you mean delaysMs?');
});

test('the policy is a frozen copy: changing the given one changes nothing', () => {
  const delaysMs = [1, 2];
  const policy = resolveRetry('queue "orders"', { delaysMs });
  delaysMs.push(3);
  expect(policy.delaysMs).toEqual([1, 2]);
  expect(Object.isFrozen(policy) && Object.isFrozen(policy.delaysMs)).toBe(true);
});

test('exponential() is a policy without a ladder, with defaults for whatever is not given', () => {
  const policy = { minMs: 1_000, maxMs: 600_000, factor: 2, jitter: 0.5, attempts: 10 };
  expect(exponential()).toEqual({ delaysMs: [], exponential: policy });
  expect(exponential({ minMs: 700_000 }).exponential).toMatchObject({ minMs: 700_000, maxMs: 700_000 });
  expect(resolveRetry('queue "orders"', exponential({ attempts: 3 }))).toEqual(exponential({ attempts: 3 }));
});

test.each([
  [{ minMs: 0 }, 'minMs of exponential() must be an integer in [1, 31622400000], got 0'],
  [{ minMs: 1_000, maxMs: 999 }, 'maxMs of exponential() must be an integer in [1000, 31622400000], got 999'],
  [{ factor: 0.5 }, 'factor of exponential() must be a number in [1, 100], got 0.5'],
  [{ factor: Number.NaN }, 'factor of exponential() must be a number in [1, 100], got NaN'],
  [{ jitter: 1.1 }, 'jitter of exponential() must be a number in [0, 1], got 1.1'],
  [{ attempts: 0 }, 'attempts of exponential() must be an integer in [1, 1000], got 0'],
  [{ attemps: 5 }, 'did you mean attempts?'],
])('exponential() refuses %j', (options, message) => {
  const error = { code: 'SUREHOP_CONTRACT_INVALID', message: expect.stringContaining(message) };
  expect(() => exponential(options as never)).toThrow(expect.objectContaining(error));
});

test('a policy is a ladder or exponential, not both', () => {
  expect(() => resolveRetry('queue "orders"', { ...exponential(), delaysMs: [5] })).toThrow(
    'must be a ladder of delaysMs or exponential, not both',
  );
});
