import { expect, test } from 'vitest';
import { carefulTickMs, quickTickMs, quorumTickMs } from './quorum-tick.ts';

test('a queue of a release that a tick can end, and of one that is not known, is left the time to start', () => {
  expect([undefined, '3.10.8', '3.13.7', 'nonsense'].map(quorumTickMs)).toEqual([
    carefulTickMs,
    carefulTickMs,
    carefulTickMs,
    carefulTickMs,
  ]);
  expect(['4.0.5', '4.3.6', '10.0.0'].map(quorumTickMs)).toEqual([quickTickMs, quickTickMs, quickTickMs]);
});
