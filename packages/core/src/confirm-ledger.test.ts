import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfirmLedger } from './confirm-ledger.ts';

/** A publish, or a confirm of some number that was handed out, single or multiple, perhaps a second time. */
const step = fc.oneof(
  fc.constant({ kind: 'publish' } as const),
  fc.record({ kind: fc.constant('confirm' as const), pick: fc.nat(), multiple: fc.boolean() }),
);

describe('the confirm ledger', () => {
  test('settles what a list of unconfirmed numbers would, whatever order the confirms come in', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ledger = new ConfirmLedger<number>();
        let model: number[] = [];
        let published = 0;
        for (const one of steps) {
          if (one.kind === 'publish') {
            published += 1;
            ledger.add(published, published);
            model.push(published);
          } else if (published > 0) {
            const sequence = (one.pick % published) + 1;
            const expected = model.filter((open) => (one.multiple ? open <= sequence : open === sequence));
            model = model.filter((open) => !expected.includes(open));
            expect(settled(ledger, sequence, one.multiple)).toEqual(expected);
          }
          expect(ledger.size).toBe(model.length);
          expect(ledger.oldest()).toBe(model[0]);
        }
        expect(ledger.drain()).toEqual(model);
        expect(ledger.size).toBe(0);
      }),
    );
  });

  test('keeps nothing of 100,000 messages whose confirms come out of order', () => {
    const ledger = new ConfirmLedger<number>();
    for (let sequence = 1; sequence <= 100_000; sequence += 2) {
      ledger.add(sequence, sequence);
      ledger.add(sequence + 1, sequence + 1);
      expect(settled(ledger, sequence + 1, false)).toEqual([sequence + 1]);
      expect(settled(ledger, sequence, true)).toEqual([sequence]);
    }
    expect(ledger.size).toBe(0);
  });

  test('keeps its order and its size when some stay behind for long', () => {
    const ledger = new ConfirmLedger<number>();
    const behind = [3, 4, 1_000, 5_000, 70_000];
    for (let sequence = 1; sequence <= 100_000; sequence += 1) {
      ledger.add(sequence, sequence);
      if (!behind.includes(sequence)) expect(settled(ledger, sequence, false)).toEqual([sequence]);
    }
    expect(ledger.size).toBe(5);
    expect(ledger.oldest()).toBe(3);
    expect(settled(ledger, 4, false)).toEqual([4]);
    expect(settled(ledger, 4, false)).toEqual([]);
    expect(settled(ledger, 5_000, true)).toEqual([3, 1_000, 5_000]);
    expect(ledger.drain()).toEqual([70_000]);
    ledger.add(1, 1);
    expect(settled(ledger, 1, true)).toEqual([1]);
  });

  test('grows for thousands that wait at once', () => {
    const ledger = new ConfirmLedger<number>();
    for (let sequence = 1; sequence <= 10_000; sequence += 1) ledger.add(sequence, sequence);
    expect(settled(ledger, 9_999, false)).toEqual([9_999]);
    expect(settled(ledger, 10_000, true)).toHaveLength(9_999);
    expect(ledger.oldest()).toBeUndefined();
  });
});

function settled<T>(ledger: ConfirmLedger<T>, sequence: number, multiple: boolean): T[] {
  const entries: T[] = [];
  ledger.settle(sequence, multiple, (entry) => entries.push(entry));
  return entries;
}
