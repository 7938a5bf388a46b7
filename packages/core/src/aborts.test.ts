import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { Aborts } from './aborts.ts';

interface Item {
  readonly name: string;
  readonly signal: AbortSignal | undefined;
}

describe('aborts', () => {
  test('a signal of many messages has one listener, and none once they are settled', () => {
    const { signal } = new AbortController();
    const aborts = new Aborts<Item>(() => undefined);
    const items = Array.from({ length: 1_000 }, (_, index) => ({ name: String(index), signal }));
    for (const item of items) aborts.add(item);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    for (const item of items) aborts.delete(item);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('an abort tells all who are left, in order, though each one takes itself off', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const told: string[] = [];
    const aborts: Aborts<Item> = new Aborts<Item>((item) => {
      aborts.delete(item);
      told.push(item.name);
    });
    const [one, settled, other] = ['one', 'settled', 'other'].map((name) => ({ name, signal })) as [Item, Item, Item];
    for (const item of [one, settled, other]) aborts.add(item);
    aborts.delete(settled);
    aborts.delete({ name: 'never added', signal });
    aborts.delete({ name: 'no signal', signal: undefined });
    controller.abort();
    expect(told).toEqual(['one', 'other']);
  });
});
