import { describe, expect, test } from 'vitest';
import { longestNetworkDelayMs } from './delay-limits.ts';
import {
  delayEntrance,
  delayHeaders,
  delayNetwork,
  delayParking,
  delayWay,
  delayWayBack,
  isDelayHeader,
  levelDelayMs,
  levelsFor,
  mostDelayHeaders,
} from './delay-network.ts';

const orders = { kind: 'queue', name: 'orders' } as const;
const safe = { 'x-queue-type': 'quorum', 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };

/** The levels by which a message is led, and where it enters. */
function way(delayMs: number): { enter: unknown; levels: number[] } {
  const headers = delayHeaders(orders, delayMs, 0);
  const numbers = Object.keys(headers).flatMap((name) => /^surehop-delay-(\d+)$/.exec(name)?.[1] ?? []);
  return { enter: headers['surehop-delay-enter'], levels: numbers.map(Number) };
}

describe('delayHeaders()', () => {
  test('the levels of a delay add up to it, in whole units and never to less', () => {
    expect(way(1_300)).toEqual({ enter: 3, levels: [3, 2, 0] });
    for (const delayMs of [1, 99, 100, 101, 4_321, 60_000, 3_600_001, longestNetworkDelayMs]) {
      const { enter, levels } = way(delayMs);
      const waitMs = levels.reduce((sum, level) => sum + levelDelayMs(level), 0);
      expect(waitMs - delayMs).toBeGreaterThanOrEqual(0);
      expect(waitMs - delayMs).toBeLessThan(100);
      expect(enter).toBe(Math.max(...levels));
    }
  });

  test('what is due waits for one unit, what is longer than the longest for that', () => {
    expect(way(0)).toEqual(way(100));
    expect(way(-5_000)).toEqual(way(100));
    expect(way(2 * longestNetworkDelayMs)).toEqual(way(longestNetworkDelayMs));
  });

  test('say where to, for an exchange, and when it will be over', () => {
    const headers = delayHeaders({ kind: 'exchange', name: 'events' }, 100, Date.UTC(2030, 0, 1));
    expect(headers).toEqual({
      'surehop-delay-enter': 0,
      'surehop-delay-0': 1,
      'surehop-delay-exchange': 'events',
      'surehop-delay-until': '2030-01-01T00:00:00.000Z',
    });
    expect(Object.keys(headers).every(isDelayHeader)).toBe(true);
  });

  test('are never more than those that are counted on', () => {
    expect(Object.keys(mostDelayHeaders(orders, 100_000, 0))).toEqual(
      expect.arrayContaining(Object.keys(delayHeaders(orders, 51_100, 0))),
    );
  });
});

// An argument that changes here cannot be declared over what stands on brokers already: it would take another version's name.
describe('delayNetwork()', () => {
  test('has exactly these exchanges, queues and bindings', () => {
    expect(delayNetwork(2)).toEqual({
      exchanges: [
        { name: 'surehop.delay.v1.dead-letter', type: 'fanout', arguments: {} },
        {
          name: 'surehop.delay.v1.queues',
          type: 'direct',
          arguments: { 'alternate-exchange': 'surehop.delay.v1.dead-letter' },
        },
        {
          name: 'surehop.delay.v1.out',
          type: 'headers',
          arguments: { 'alternate-exchange': 'surehop.delay.v1.queues' },
        },
        {
          name: 'surehop.delay.v1.level.0',
          type: 'headers',
          arguments: { 'alternate-exchange': 'surehop.delay.v1.out' },
        },
        {
          name: 'surehop.delay.v1.level.1',
          type: 'headers',
          arguments: { 'alternate-exchange': 'surehop.delay.v1.level.0' },
        },
        { name: 'surehop.delay.v1', type: 'headers', arguments: {} },
      ],
      queues: [
        {
          name: 'surehop.delay.v1.dead-letter',
          arguments: { 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish', 'x-delivery-limit': 2_147_483_647 },
        },
        {
          name: 'surehop.delay.v1.level.0',
          arguments: { ...safe, 'x-message-ttl': 100, 'x-dead-letter-exchange': 'surehop.delay.v1.out' },
        },
        {
          name: 'surehop.delay.v1.level.1',
          arguments: { ...safe, 'x-message-ttl': 200, 'x-dead-letter-exchange': 'surehop.delay.v1.level.0' },
        },
      ],
      bindings: [
        { exchange: delayParking, queue: delayParking, routingKey: '', arguments: {} },
        bound('surehop.delay.v1.level.0', 0, { 'surehop-delay-0': 1 }),
        bound(delayEntrance, 0, { 'surehop-delay-enter': 0 }),
        bound('surehop.delay.v1.level.1', 1, { 'surehop-delay-1': 1 }),
        bound(delayEntrance, 1, { 'surehop-delay-enter': 1 }),
      ],
      existing: [],
    });
  });

  test('is declared as far as a delay needs it, and some further', () => {
    expect([100, 102_300, 102_301, 3_600_000, 86_400_000, longestNetworkDelayMs].map(levelsFor)).toEqual([
      10, 10, 16, 16, 22, 29,
    ]);
    const [small, large] = [delayNetwork(10), delayNetwork(29)];
    expect(large.queues).toEqual(expect.arrayContaining([...small.queues]));
    expect(large.exchanges).toEqual(expect.arrayContaining([...small.exchanges]));
  });
});

test('the way back to a queue is a binding, that to an exchange a queue of its own that passes everything on', () => {
  expect(delayWayBack(orders)).toEqual({
    exchanges: [],
    queues: [],
    bindings: [{ exchange: 'surehop.delay.v1.queues', queue: 'orders', routingKey: 'delay:orders', arguments: {} }],
    existing: [],
  });
  expect(delayWayBack({ kind: 'exchange', name: 'events' })).toEqual({
    exchanges: [],
    queues: [
      {
        name: 'surehop.delay.v1.to.events',
        arguments: { ...safe, 'x-message-ttl': 0, 'x-dead-letter-exchange': 'events' },
      },
    ],
    bindings: [
      {
        exchange: 'surehop.delay.v1.out',
        queue: 'surehop.delay.v1.to.events',
        routingKey: '',
        arguments: { 'x-match': 'all', 'surehop-delay-exchange': 'events' },
      },
    ],
    existing: [],
  });
  expect(delayWay(orders, 100).bindings.at(-1)).toEqual(delayWayBack(orders).bindings[0]);
});

function bound(exchange: string, level: number, header: Record<string, number>): unknown {
  const queue = `surehop.delay.v1.level.${level}`;
  return { exchange, queue, routingKey: '', arguments: { 'x-match': 'all', ...header } };
}
