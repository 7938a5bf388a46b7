import { RetryLater } from '@surehop/core';
import type { IncomingMessage, OutgoingMessage } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import type { CopyResult } from './copies.ts';
import type { Delivery } from './delivery.ts';
import { Failures, type FailuresOptions } from './failures.ts';
import type { Settlement } from './settler.ts';

const message: IncomingMessage = {
  consumerTag: 'billing',
  deliveryTag: 1,
  redelivered: false,
  exchange: '',
  routingKey: 'orders',
  content: new Uint8Array(),
  properties: { messageId: 'm' },
  headers: {},
};
const none = { failedAttempts: 0, failedAt: undefined, notBefore: undefined };
const unlinked = { session: undefined };

/** Failures whose copies end as `results` say; the last one goes on. */
function failing(...results: CopyResult[]) {
  const ways: string[] = [];
  const lines: string[] = [];
  const settlements: Settlement[] = [];
  const next = (): CopyResult => (results.length > 1 ? results.shift() : results[0]) as CopyResult;
  const line = (_fields: unknown, text: string) => void lines.push(text);
  const failures = new Failures({
    queue: 'orders',
    retry: { delaysMs: [1_000] },
    brokerLaysAside: () => true,
    copies: {
      sendSimply(
        copy: OutgoingMessage,
        _gone: unknown,
        _original: unknown,
        onSent: (...told: unknown[]) => void,
        item: unknown,
      ) {
        ways.push(`simply ${copy.routingKey}`);
        onSent(next(), item);
      },
      async send(copy: OutgoingMessage) {
        ways.push(`by promise ${copy.routingKey}`);
        return next();
      },
      forget: () => undefined,
    },
    answers: { deadLettered: () => undefined },
    order: undefined,
    internals: {
      effects: { clock: { epochMs: () => 0, now: () => 0 }, random: () => 0.5, newId: () => 'id' },
      log: { trace: line, debug: line, info: line, warn: line, error: line },
      publishLink: unlinked,
      consumeLink: unlinked,
    },
  } as unknown as FailuresOptions);
  const delivery: Delivery = {
    message,
    deliveryCount: 0,
    gone: new AbortController().signal,
    settle: (settlement) => void settlements.push(settlement),
  };
  return { failures, delivery, ways, lines, settlements };
}

const stored: CopyResult = { status: 'stored' };
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a message that failed', () => {
  test('is acknowledged as soon as its copy is stored', () => {
    const { failures, delivery, ways, settlements } = failing(stored);
    failures.settle(delivery, none, new Error('boom'));
    expect([ways, settlements]).toEqual([['simply orders.retry.1000'], ['ack']]);
  });

  test('for the last time is acknowledged as soon as its dead letter is stored', () => {
    const { failures, delivery, ways, settlements } = failing(stored);
    failures.settle(delivery, { ...none, failedAttempts: 1 }, new Error('boom'));
    expect([ways, settlements]).toEqual([['simply orders.dead-letter'], ['ack']]);
  });

  test('throws nothing at whoever tells of the copy', () => {
    const { failures, delivery, lines } = failing(stored);
    const settle = (): never => {
      throw new Error('a bug');
    };
    failures.settle({ ...delivery, settle }, none, new Error('boom'));
    expect(lines.at(-1)).toBe('settling a failed message went wrong');
  });

  test('goes to the broker as it is where its copy is impossible', async () => {
    const { failures, delivery, settlements } = failing({ status: 'impossible', error: new Error('no') });
    failures.settle(delivery, none, new Error('boom'));
    await turn();
    expect(settlements).toEqual(['broker-dead-letter']);
  });

  test('goes to the broker as it is where no copy can be made, which is said once', async () => {
    const { failures, delivery, ways, lines, settlements } = failing(stored);
    const large = { ...message, headers: { a: 'x'.repeat(70_000) } };
    failures.settle({ ...delivery, message: large }, none, new Error('boom'));
    await turn();
    expect([ways, settlements]).toEqual([[], ['broker-dead-letter']]);
    expect(lines.filter((line) => line.includes('cannot be copied'))).toHaveLength(1);
  });

  test('is left alone where its channel is gone', async () => {
    const { failures, delivery, settlements } = failing({ status: 'gone' });
    failures.settle(delivery, none, new Error('boom'));
    await turn();
    expect(settlements).toEqual([]);
  });

  test('that asks for another delay goes the other way, which may have to be made first', async () => {
    const { failures, delivery, ways, settlements } = failing(stored);
    failures.settle(delivery, none, new RetryLater(30_000));
    await turn();
    expect([ways, settlements]).toEqual([['by promise delay:orders'], ['ack']]);
  });
});
