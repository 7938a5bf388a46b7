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
            expect(ledger.settle(sequence, one.multiple)).toEqual(expected);
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
      expect(ledger.settle(sequence + 1, false)).toEqual([sequence + 1]);
      expect(ledger.settle(sequence, true)).toEqual([sequence]);
    }
    expect(ledger.size).toBe(0);
  });
});
