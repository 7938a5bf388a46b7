import type { Logger } from '@surehop/core';
import { expect, test } from 'vitest';
import { HandClock } from '../hand-clock.test-d.ts';
import { Lanes } from './lanes.ts';
import type { Sequenced } from './sequenced.ts';

test('of too many sequences those with nothing to do are forgotten, and none whose handler was left behind', () => {
  const stop = new AbortController().signal;
  const lanes = new Lanes({ name: 'orders', clock: new HandClock(), backoff: () => 0, log: {} as Logger, stop }, 2);
  const keys = (): string[] => [...lanes.all()].map(({ key }) => key);
  lanes.of({ key: 'a', run: '', number: 1 }).ghost = {} as Sequenced;
  for (const key of ['b', 'c', 'd']) lanes.of({ key, run: '', number: 1 });
  expect(keys()).toEqual(['a', 'd']);
  lanes.of({ key: 'a', run: '', number: 1 }).ghost = undefined;
  for (const key of ['e', 'f']) lanes.of({ key, run: '', number: 1 });
  expect(keys()).toEqual(['e', 'f']);
});
