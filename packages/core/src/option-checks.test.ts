import { describe, expect, test } from 'vitest';
import { SurehopError } from './errors.ts';
import { boolean, functionOption, integer, kindOf, knownKeys, nonEmptyString, oneOf } from './option-checks.ts';

describe('integer()', () => {
  test('takes the ends of its range', () => {
    expect(() => integer('heartbeatSeconds', 0, 0, 65_535)).not.toThrow();
    expect(() => integer('heartbeatSeconds', 65_535, 0, 65_535)).not.toThrow();
  });

  test.each([-1, 65_536, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', null, undefined, 5n])(
    'refuses %s',
    (value) => {
      expect(() => integer('heartbeatSeconds', value, 0, 65_535)).toThrow(SurehopError);
    },
  );

  test('its error names option, range and value, and is an option error that does not heal by itself', () => {
    expect(() => integer('heartbeatSeconds', 70_000, 0, 65_535)).toThrow(
      expect.objectContaining({
        code: 'SUREHOP_OPTION_INVALID',
        retryable: false,
        message: 'heartbeatSeconds must be an integer in [0, 65535], got 70000',
      }),
    );
    expect(() => integer('maxWaiting', -1, 0)).toThrow('maxWaiting must be an integer of at least 0, got -1');
  });

  test('can report a wrong contract instead', () => {
    expect(() => integer('deliveryLimit', 0, 1, 9, 'SUREHOP_CONTRACT_INVALID')).toThrow(
      expect.objectContaining({ code: 'SUREHOP_CONTRACT_INVALID' }),
    );
  });
});

test('boolean() takes true and false only', () => {
  expect(() => boolean('raw', false)).not.toThrow();
  expect(() => boolean('raw', 1)).toThrow('raw must be true or false, got 1');
});

test('oneOf() names what is allowed and the short word that was given', () => {
  expect(() => oneOf('topology', 'off', ['declare', 'off'])).not.toThrow();
  expect(() => oneOf('topology', 'on', ['declare', 'off'])).toThrow("must be one of 'declare', 'off', got 'on'");
});

test('nonEmptyString() refuses the empty string and what is none', () => {
  expect(() => nonEmptyString('name', 'orders')).not.toThrow();
  expect(() => nonEmptyString('name', '')).toThrow('name must be a string that is not empty, got an empty one');
  expect(() => nonEmptyString('name', undefined)).toThrow('got undefined');
});

test('functionOption() takes functions only', () => {
  expect(() => functionOption('credentials', () => undefined)).not.toThrow();
  expect(() => functionOption('credentials', {})).toThrow('credentials must be a function, got object');
});

test('a value that may hold a secret is never printed, only its kind', () => {
  const url = 'amqp://user:geheim@host';
  expect(() => oneOf('topology', url, ['off'])).toThrow(/got string$/);
  expect(() => integer('port', url, 1)).toThrow(/got string$/);
  expect(() => functionOption('credentials', { password: 'geheim' })).toThrow(/got object$/);
});

describe('knownKeys()', () => {
  const allowed = ['delaysMs', 'deliveryLimit', 'type'];

  test('takes any subset of the known options', () => {
    expect(() => knownKeys('queue "orders"', { type: 'quorum' }, allowed)).not.toThrow();
    expect(() => knownKeys('queue "orders"', {}, allowed)).not.toThrow();
  });

  test('a misspelt option is answered with the nearest known ones', () => {
    expect(() => knownKeys('queue "orders"', { delayMs: 1 }, allowed)).toThrow(
      'queue "orders" has no option "delayMs": did you mean delaysMs?',
    );
  });

  test('an option far from all others is answered with all of them', () => {
    expect(() => knownKeys('queue "orders"', { prefetchCount: 1 }, allowed)).toThrow(
      'has no option "prefetchCount": known are delaysMs, deliveryLimit, type',
    );
  });

  test.each([null, undefined, 'x', [1]])('refuses %j as a set of options', (given) => {
    expect(() => knownKeys('queue "orders"', given, allowed)).toThrow(
      'the options of queue "orders" must be an object',
    );
  });
});

test('kindOf() tells instances of classes from plain objects', () => {
  expect([1, 'a', null, undefined, [], {}, new Date(0), new Map(), Buffer.of(1), 1n].map(kindOf)).toEqual(
    ['number', 'string', 'null', 'undefined', 'array', 'object', 'Date', 'Map', 'Buffer', 'bigint'], // as they are named
  );
  expect(kindOf(Object.create(null))).toBe('object');
});
