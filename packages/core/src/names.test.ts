import { describe, expect, test } from 'vitest';
import { checkEntityName, deadLetterName, retryExchangeName, rungName, waitingName } from './names.ts';

test('every derived name begins with the name of its queue', () => {
  expect(retryExchangeName('orders')).toBe('orders.retry');
  expect(rungName('orders', 1_000)).toBe('orders.retry.1000');
  expect(deadLetterName('orders')).toBe('orders.dead-letter');
  expect(waitingName('orders')).toBe('orders.waiting');
});

describe('checkEntityName()', () => {
  test.each([
    'orders',
    'Bestellungen für München',
    'a',
    'orders.retry.late',
    'retry',
    'waiting',
    'orders.awaiting',
    'my.amq.queue',
  ])('takes %s', (name) => {
    expect(() => checkEntityName('queue', name, '.dead-letter')).not.toThrow();
  });

  test.each([
    ['', 'must not be empty'],
    ['orders\n', 'control characters'],
    ['or\u0000ders', 'control characters'],
    ['orders\u0085', 'control characters'],
    ['orders\ud83d', 'half a character'],
    ['amq.orders', 'belong to the broker'],
    ['orders.retry', 'derived names'],
    ['orders.retry.1000', 'derived names'],
    ['orders.dead-letter', 'derived names'],
    ['orders.waiting', 'derived names'],
    [42, 'must be a string, got number'],
  ])('refuses %j: it %s', (name, why) => {
    for (const kind of ['queue', 'exchange'] as const) {
      expect(() => checkEntityName(kind, name, '')).toThrow(
        expect.objectContaining({ code: 'SUREHOP_CONTRACT_INVALID', message: expect.stringContaining(why) }),
      );
    }
  });

  test('the longest derived name may take 255 bytes of UTF-8, and not one more', () => {
    const suffix = '.dead-letter';
    expect(() => checkEntityName('queue', 'a'.repeat(255 - suffix.length), suffix)).not.toThrow();
    expect(() => checkEntityName('queue', 'a'.repeat(256 - suffix.length), suffix)).toThrow(
      'with .dead-letter, as a derived name has it, it takes 256 bytes',
    );
    expect(() => checkEntityName('exchange', 'ü'.repeat(128), '')).toThrow('takes 256 bytes');
  });

  test('an existing queue may end like a derived name, since a dead-letter queue can be consumed too', () => {
    expect(() => checkEntityName('existing queue', 'orders.dead-letter', '')).not.toThrow();
    expect(() => checkEntityName('existing queue', 'orders.waiting', '')).not.toThrow();
    expect(() => checkEntityName('existing queue', 'amq.gen-1', '')).toThrow(
      expect.objectContaining({ code: 'SUREHOP_OPTION_INVALID' }),
    );
  });
});
