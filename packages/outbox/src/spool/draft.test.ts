import { defineQueue } from '@surehop/core';
import { systemEffects } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import type { Contract } from './contract-definition.ts';
import { contractDraft } from './draft.ts';
import { SteadyTime } from './steady-time.ts';

test.each(['signal', 'sequence'])('a spool refuses %s, which it could not keep', (option) => {
  const orders = defineQueue('orders') as Contract;
  const time = new SteadyTime(systemEffects.clock, 0);
  const to = { effects: systemEffects, time, maxMessageBytes: 100, username: undefined };
  expect(() => contractDraft(orders, 1, { [option]: true }, to)).toThrow(`has no option "${option}"`);
});
