import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AckWindow } from './ack-window.ts';

type Command =
  | { readonly kind: 'deliver' | 'flush' }
  | { readonly kind: 'settle' | 'remove' | 'closing'; readonly pick: number }
  | { readonly kind: 'flush run'; readonly mostBehind: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Command>({ kind: 'deliver' }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('settle' as const), pick: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), pick: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('closing' as const), pick: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush run' as const), mostBehind: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant<Command>({ kind: 'flush' }) },
);

test('what the broker sees is exactly what was settled: no unsettled delivery is ever acknowledged, none is forgotten', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const window = new AckWindow();
      const broker = new Set<number>(); // unacknowledged, as the broker has it
      const settled = new Set<number>();
      let next = 0;
      const flush = (mostBehind = 0) => {
        for (const { tag, multiple } of window.flush(mostBehind)) {
          if (!broker.has(tag)) throw new Error(`406: unknown delivery tag ${tag}`);
          for (const one of [...broker]) {
            if (one !== tag && !(multiple && one < tag)) continue;
            expect(settled.has(one)).toBe(true);
            broker.delete(one);
          }
        }
      };
      for (const { kind, ...rest } of commands) {
        if (kind === 'deliver') {
          next += 1;
          window.delivered(next);
          broker.add(next);
        } else if (kind === 'flush') {
          flush();
          expect([...broker].filter((tag) => settled.has(tag))).toEqual([]);
        } else if (kind === 'flush run') {
          const mostBehind = 'mostBehind' in rest ? rest.mostBehind : 0;
          flush(mostBehind);
          expect([...broker].filter((tag) => settled.has(tag)).length).toBeLessThanOrEqual(mostBehind);
        } else if (kind === 'closing') {
          window.closing('pick' in rest ? rest.pick : 0);
        } else {
          const tag = 'pick' in rest ? rest.pick : 0;
          const isOpen = broker.has(tag) && !settled.has(tag);
          expect(window[kind](tag)).toBe(isOpen);
          if (isOpen && kind === 'settle') settled.add(tag);
          if (isOpen && kind === 'remove') broker.delete(tag); // a nack goes out at once
        }
        expect(window.size).toBe(broker.size);
        expect(window.unacknowledged).toBe([...broker].filter((tag) => settled.has(tag)).length);
        expect(window.unsettled).toBe([...broker].filter((tag) => !settled.has(tag)).length);
      }
      flush();
      expect([...broker].filter((tag) => settled.has(tag))).toEqual([]);
    }),
  );
});

test('a run from the oldest delivery takes one acknowledgement, the others one each', () => {
  const window = new AckWindow();
  for (const tag of [1, 2, 3, 4, 5, 6]) window.delivered(tag);
  for (const tag of [3, 1, 2, 5]) window.settle(tag);
  expect(window.flush()).toEqual([
    { tag: 3, multiple: true },
    { tag: 5, multiple: false },
  ]);
  window.settle(4);
  window.settle(6);
  // 5 is acknowledged already: the run goes over it.
  expect(window.flush()).toEqual([{ tag: 6, multiple: true }]);
  expect(window.flush()).toEqual([]);
});

test('single ones leave in the order of their tags: the broker looks for each from its oldest unacknowledged one', () => {
  const window = new AckWindow();
  for (let tag = 1; tag <= 12; tag += 1) window.delivered(tag);
  for (const tag of [12, 5, 3, 10, 4]) window.settle(tag);
  expect(window.flush().map(({ tag }) => tag)).toEqual([3, 4, 5, 10, 12]);
  for (const tag of [9, 7, 1]) window.settle(tag);
  expect(window.flush().map(({ tag }) => tag)).toEqual([1, 7, 9]);
});

describe('behind the oldest delivery', () => {
  function settledBehind(...tags: number[]): AckWindow {
    const window = new AckWindow();
    for (let tag = 1; tag <= 6; tag += 1) window.delivered(tag);
    for (const tag of tags) window.settle(tag);
    return window;
  }

  test('what was settled waits where that one is about to be settled, and leaves with its run', () => {
    const window = settledBehind(2, 4, 3);
    window.closing(1);
    window.closing(5);
    expect(window.flush(3)).toEqual([]);
    expect([window.unacknowledged, window.unsettled, window.size]).toEqual([3, 3, 6]);
    window.settle(1);
    expect(window.flush(3)).toEqual([{ tag: 4, multiple: true }]);
    expect(window.unacknowledged).toBe(0);
  });

  test('the run before it does not wait', () => {
    const window = settledBehind(1, 2, 4);
    window.closing(3);
    window.closing(5);
    expect(window.flush(3)).toEqual([{ tag: 2, multiple: true }]);
    expect(window.flush(0)).toEqual([{ tag: 4, multiple: false }]);
  });

  test('nothing waits where nobody knows when it will be settled', () => {
    const window = settledBehind(2, 3);
    for (const tag of [4, 5, 6]) window.closing(tag);
    expect(window.flush(3).map(({ tag }) => tag)).toEqual([2, 3]);
  });

  test('more than may wait leave all', () => {
    const window = settledBehind(2, 3, 4);
    for (const tag of [1, 5]) window.closing(tag);
    expect(window.flush(2).map(({ tag }) => tag)).toEqual([2, 3, 4]);
  });

  test('nothing waits where most of what is open takes longer: handlers that run would wait for room', () => {
    const window = settledBehind(2, 3);
    window.closing(1);
    window.closing(1);
    expect(window.flush(3).map(({ tag }) => tag)).toEqual([2, 3]);
    window.closing(4);
    window.settle(5);
    expect(window.flush(3)).toEqual([]);
    window.remove(4);
    window.delivered(7);
    expect(window.flush(3).map(({ tag }) => tag)).toEqual([5]);
  });

  test('of a delivery that is not open, nothing is kept', () => {
    const window = settledBehind(1);
    window.closing(1);
    window.closing(9);
    expect(window.flush(3)).toEqual([{ tag: 1, multiple: false }]);
    expect(window.open()).toEqual([2, 3, 4, 5, 6]);
  });
});
