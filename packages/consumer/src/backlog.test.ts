import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Backlog } from './backlog.ts';
import { Roster } from './roster.ts';

test('a backlog holds what a list would, in its order', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.constant('add' as const) },
    { weight: 2, arbitrary: fc.constant('oldest' as const) },
    { weight: 2, arbitrary: fc.nat(5) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const backlog = new Backlog<{ readonly number: number }>();
      let list: { readonly number: number }[] = [];
      for (const [number, taken] of steps.entries()) {
        const item = taken === 'add' ? { number } : taken === 'oldest' ? list[0] : list[taken];
        if (taken === 'add' && item !== undefined) {
          backlog.add(item);
          list.push(item);
        } else if (item !== undefined) {
          backlog.delete(item);
          list = list.filter((one) => one !== item);
        }
        expect([...backlog]).toEqual(list);
        expect([backlog.size, backlog.oldest]).toEqual([list.length, list[0]]);
      }
    }),
  );
});

test('a roster gives a place to each and to nobody else, and takes it back', () => {
  const roster = new Roster<{ readonly name: string }>();
  const places = ['a', 'b', 'c'].map((name) => roster.add({ name }));
  expect(new Set(places).size).toBe(3);
  roster.remove(places[1] ?? -1);
  expect([...roster].map(({ name }) => name)).toEqual(['a', 'c']);
  expect(roster.size).toBe(2);
  expect(roster.add({ name: 'd' })).toBe(places[1]);
  expect([...roster].map(({ name }) => name)).toEqual(['a', 'd', 'c']);
});
