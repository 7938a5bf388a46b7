import { expect, test } from 'vitest';
import { nearestNames } from './nearest-names.ts';

const names = ['orders', 'orders.dead-letter', 'order', 'mails', 'payments_error', 'Orders2'];

test.each([
  ['ordres', ['order', 'orders']],
  ['ORDERS', ['orders', 'Orders2', 'order']],
  ['payment_error', ['payments_error']],
  ['elsewhere-entirely', []],
  ['', []],
])('%j is like %j', (name, near) => {
  expect(nearestNames(name, names)).toEqual(near);
});
