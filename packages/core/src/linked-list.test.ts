import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LinkedList, type Place } from './linked-list.ts';

const step = fc.oneof(
  fc.constant({ kind: 'append' } as const),
  fc.constant({ kind: 'prepend' } as const),
  fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }),
);

test('a linked list does what an array would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const list = new LinkedList<number>();
      const places = new Map<number, Place<number>>();
      let model: number[] = [];
      for (const [item, one] of steps.entries()) {
        if (one.kind === 'append') {
          places.set(item, list.append(item));
          model.push(item);
        } else if (one.kind === 'prepend') {
          places.set(item, list.prepend(item));
          model.unshift(item);
        } else {
          const chosen = model[one.pick % Math.max(1, model.length)];
          if (chosen === undefined) continue;
          list.remove(places.get(chosen) as Place<number>);
          model = model.filter((other) => other !== chosen);
        }
        expect([...list]).toEqual(model);
        expect(list.size).toBe(model.length);
        expect(list.first).toBe(model[0]);
      }
    }),
  );
});

test('what was given last may be removed while the list is gone through', () => {
  const list = new LinkedList<number>();
  const places = [1, 2, 3].map((item) => list.append(item));
  const seen: number[] = [];
  for (const item of list) {
    seen.push(item);
    list.remove(places[item - 1] as Place<number>);
  }
  expect(seen).toEqual([1, 2, 3]);
  expect(list.size).toBe(0);
});

test('a place that was removed keeps nothing alive', () => {
  const list = new LinkedList<object>();
  const [, middle] = [{}, {}, {}].map((item) => list.append(item));
  list.remove(middle as Place<object>);
  expect(middle).toMatchObject({ previous: undefined, next: undefined });
});
