import { describe, expect, test } from 'vitest';
import { type PublisherOptions, resolvePublisherOptions } from './publisher-options.ts';

describe('the options of a publisher', () => {
  test('have defaults, also for what is given as undefined', () => {
    const resolved = resolvePublisherOptions({ deadlineMs: undefined } as unknown as PublisherOptions);
    expect(resolved).toEqual({
      maxUnconfirmed: 1_000,
      maxUnconfirmedBytes: 67_108_864,
      maxWaiting: 10_000,
      maxWaitingBytes: 67_108_864,
      deadlineMs: 30_000,
      maxMessageBytes: 16_777_216,
      maxAwaitedAnswers: 10_000,
    });
  });

  test.each([
    ['maxUnconfirmed', 0],
    ['maxAwaitedAnswers', 0],
    ['maxUnconfirmed', 1.5],
    ['maxUnconfirmedBytes', 0],
    ['maxWaiting', 0],
    ['maxWaitingBytes', -1],
    ['deadlineMs', 0],
    ['deadlineMs', 2 ** 31],
    ['deadlineMs', Number.NaN],
    ['maxMessageBytes', 0],
    ['maxMessageBytes', '16'],
  ])('[%s] %s is refused, with the range', (option, value) => {
    expect(() => resolvePublisherOptions({ [option]: value })).toThrow(
      new RegExp(`^${option} must be an integer .*\\d`),
    );
  });

  test('one that nobody knows is refused, with the nearest', () => {
    expect(() => resolvePublisherOptions({ deadlineMS: 1 } as PublisherOptions)).toThrow('did you mean deadlineMs');
  });
});
