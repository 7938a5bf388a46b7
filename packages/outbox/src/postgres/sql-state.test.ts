import { SurehopError } from '@surehop/core';
import { expect, test } from 'vitest';
import { callersError, sqlStateOf, storeError } from './sql-state.ts';

const inside = (code: string): Error => Object.assign(new Error('relation does not exist'), { code });

test.each([
  ['pg and postgres.js', inside('42P01')],
  ['Drizzle', new Error('Failed query', { cause: inside('42P01') })],
  [
    'Prisma',
    Object.assign(new Error('Raw query failed'), {
      code: 'P2010',
      meta: { driverAdapterError: { cause: { originalCode: '42P01' } } },
    }),
  ],
])('finds the state where %s puts it', (_, error) => {
  expect(sqlStateOf(error)).toBe('42P01');
  expect(callersError(error, 'message m', '0001-outbox')).toMatchObject({
    code: 'SUREHOP_STORE_NOT_MIGRATED',
    cause: error,
  });
});

test('finds none in what is no error of a database', () => {
  for (const thrown of [
    undefined,
    null,
    'x',
    new Error('x'),
    inside('ECONNRESET'),
    new SurehopError('SUREHOP_CLOSED', '', { retryable: false }),
  ]) {
    expect(sqlStateOf(thrown)).toBeUndefined();
  }
});

test('what a caller repeats his transaction for is his as it is', () => {
  for (const code of ['40001', '40P01', '53300', '57P01']) {
    const error = inside(code);
    expect(callersError(error, 'message m', '0001-outbox')).toBe(error);
    expect(storeError(error, 'the outbox', '0001-outbox')).toMatchObject({
      code: 'SUREHOP_STORE_UNAVAILABLE',
      retryable: true,
    });
  }
});
