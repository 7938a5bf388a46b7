import { expect, test } from 'vitest';
import { isDeadLetterName } from './dead-letter-names.ts';

test.each([
  'orders.dead-letter',
  'payments_error',
  'payments_skipped',
  'error',
  'orders.dlq',
  'orders.DLQ',
  'orders-dlq',
  'orders.dead.letter',
  'mail.poison',
  'orders.parking-lot',
])('%s is one of dead letters', (name) => {
  expect(isDeadLetterName(name)).toBe(true);
});

test.each(['orders', 'orders.retry.1000', 'terror', 'errors-of-the-past', 'deadline'])('%s is not', (name) => {
  expect(isDeadLetterName(name)).toBe(false);
});
