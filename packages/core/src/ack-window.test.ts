import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AckWindow } from './ack-window.ts';

type Command = { readonly kind: 'deliver' | 'flush' } | { readonly kind: 'settle' | 'remove'; readonly pick: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Command>({ kind: 'deliver' }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('settle' as const), pick: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), pick: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.constant<Command>({ kind: 'flush' }) },
);

test('what the broker sees is exactly what was settled: no unsettled delivery is ever acknowledged, none is forgotten', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const window = new AckWindow();
      const broker = new Set<number>(); // unacknowledged, as the broker has it
      const settled = new Set<number>();
      let next = 0;
      const flush = () => {
        for (const { tag, multiple } of window.flush()) {
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
        } else {
          const tag = 'pick' in rest ? rest.pick : 0;
          const isOpen = broker.has(tag) && !settled.has(tag);
          expect(window[kind](tag)).toBe(isOpen);
          if (isOpen && kind === 'settle') settled.add(tag);
          if (isOpen && kind === 'remove') broker.delete(tag); // a nack goes out at once
        }
        expect(window.size).toBe(broker.size);
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
