import { describe, expect, test } from 'vitest';
import { type Shared, surplusOf } from './rebalancing.ts';

const partitions = (...inHand: (number | undefined)[]): Shared[] =>
  inHand.map((count, index) => ({
    queue: String(index),
    isFed: count !== undefined,
    inHand: count ?? 0,
    stepBack: () => undefined,
  }));
const queues = (surplus: readonly Shared[]): string[] => surplus.map(({ queue }) => queue);

describe('surplusOf()', () => {
  test.each([
    [1, []],
    [2, ['3', '1']],
    [3, ['3', '1']],
    [4, ['3', '1', '0']],
    [9, ['3', '1', '0']],
  ])('among %i processes, what is beyond a share is left, the least busy first', (processes, expected) => {
    expect(queues(surplusOf(partitions(5, 2, 9, 0), processes))).toEqual(expected);
  });

  test('what waits for its turn is nobody’s to leave', () => {
    expect(queues(surplusOf(partitions(5, undefined, undefined, 0), 2))).toEqual([]);
    expect(queues(surplusOf(partitions(undefined, undefined), 5))).toEqual([]);
  });

  test('where nobody is counted, this process counts itself', () => {
    expect(surplusOf(partitions(1, 1), 0)).toEqual([]);
  });
});
