import { describe, expect, test } from 'vitest';
import { jsonCodec } from './codec.ts';
import { defineStream, type StreamContract, type StreamOptions } from './stream-contract.ts';
import { streamTopology } from './topology.ts';

const day = 86_400_000;

/** As a caller without types would. */
function loosely(options: unknown): StreamContract {
  return defineStream('events', options as StreamOptions);
}

function invalid(text: string): unknown {
  return expect.objectContaining({ code: 'SUREHOP_CONTRACT_INVALID', message: expect.stringContaining(text) });
}

describe('defineStream()', () => {
  test('a name and a limit are enough', () => {
    const events = defineStream('events', { maxAgeMs: day });
    expect(events).toEqual({
      kind: 'stream',
      name: 'events',
      schema: undefined,
      codec: jsonCodec,
      retry: { delaysMs: [1_000, 10_000, 60_000] },
      maxAgeMs: day,
      maxBytes: undefined,
      segmentBytes: 500_000_000,
    });
    expect(Object.isFrozen(events)).toBe(true);
  });

  test.each([
    [2_000_000, 1_000_000],
    [80_000_000, 10_000_000],
    [100_000_000_000, 500_000_000],
  ])('of %i bytes, a segment is an eighth, within bounds', (maxBytes, segmentBytes) => {
    expect(defineStream('events', { maxBytes }).segmentBytes).toBe(segmentBytes);
  });

  test.each([
    [{}, 'needs maxAgeMs or maxBytes'],
    [{ maxAgeMs: 1_500 }, 'maxAgeMs of stream "events" must be whole seconds, got 1500'],
    [{ maxAgeMs: 0 }, 'maxAgeMs of stream "events" must be an integer in [1000,'],
    [{ maxBytes: 1.5 }, 'maxBytes of stream "events"'],
    [{ maxBytes: 5_000, segmentBytes: 4_000_000_000 }, 'segmentBytes of stream "events"'],
    [{ maxBytes: 5_000, keepForever: true }, 'has a limit and keepForever'],
    [{ keepForever: 'yes' }, 'keepForever of stream "events" must be true or false'],
    [{ maxAgeMs: day, maxLength: 5 }, 'has no option "maxLength"'],
    [{ maxAgeMs: day, schema: {} }, 'schema of stream "events"'],
    [
      { maxAgeMs: day, retry: { by: 'broker', minMs: 5 } as never },
      'retry of stream "events" cannot be left to the broker',
    ],
    [{ maxAgeMs: day, retry: { delaysMs: [5, 5] } }, 'retry.delaysMs[1] of stream "events"'],
  ])('%j is refused', (options, text) => {
    expect(() => loosely(options)).toThrow(invalid(text));
  });

  test.each(['', 'amq.events', 'events.retry', 'events.dead-letter', 'a\nb', 'x'.repeat(250)])(
    'as a name, %j is refused',
    (name) => {
      expect(() => defineStream(name, { maxAgeMs: day })).toThrow(invalid('stream'));
    },
  );
});

test('a stream stands for itself and the queue of what its readers lay aside', () => {
  const { queues, ...rest } = streamTopology(defineStream('events', { maxAgeMs: day, maxBytes: 8_000_000 }));
  expect(rest).toEqual({ exchanges: [], bindings: [], existing: [] });
  expect(queues).toEqual([
    {
      name: 'events.dead-letter',
      arguments: { 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish', 'x-delivery-limit': 2 ** 31 - 1 },
    },
    {
      name: 'events',
      arguments: {
        'x-queue-type': 'stream',
        'x-max-age': '86400s',
        'x-max-length-bytes': 8_000_000,
        'x-stream-max-segment-size-bytes': 1_000_000,
      },
    },
  ]);
  const [, kept] = streamTopology(defineStream('events', { keepForever: true })).queues;
  expect(kept?.arguments).toEqual({ 'x-queue-type': 'stream', 'x-stream-max-segment-size-bytes': 500_000_000 });
});
