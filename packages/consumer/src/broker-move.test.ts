import { expect, test } from 'vitest';
import { brokerLaysAside, type Knowledge } from './broker-move.ts';

const contract = { isRaw: false, isQuorum: true } as const;

test.each<[Knowledge, boolean]>([
  [{ ...contract, mode: 'declare', state: 'declared' }, true],
  [{ ...contract, mode: 'declare', state: 'created anew' }, true],
  [{ ...contract, mode: 'declare', state: 'under-replicated' }, true],
  [{ ...contract, mode: 'declare', state: 'declared', isQuorum: false }, true],
  [{ ...contract, mode: 'declare', state: 'mismatch' }, false],
  [{ ...contract, mode: 'verify', state: 'compared' }, true],
  [{ ...contract, mode: 'verify', state: 'compared', isQuorum: false }, false],
  [{ ...contract, mode: 'verify', state: 'exists, not compared' }, false],
  [{ ...contract, mode: 'verify', state: 'mismatch' }, false],
  [{ ...contract, mode: 'verify', state: undefined }, false],
  [{ ...contract, mode: 'off', state: undefined }, false],
  [{ ...contract, mode: 'declare', state: 'exists, not compared', isRaw: true }, false],
])('of a queue with %o, the broker is trusted with a dead message: %s', (knowledge, isTrusted) => {
  expect(brokerLaysAside(knowledge)).toBe(isTrusted);
});
