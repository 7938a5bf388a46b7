import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfirmLedger, type Identified } from './confirm-ledger.ts';

/** A publish, or a confirm of some number that was handed out, single or multiple, perhaps a second time. */
const step = fc.oneof(
  fc.constant({ kind: 'publish' } as const),
  fc.record({ kind: fc.constant('confirm' as const), pick: fc.nat(), multiple: fc.boolean() }),
);

interface Entry extends Identified {
  readonly sequence: number;
}

/** Ids that end alike, and some that are alike but for their beginning. */
function entry(sequence: number): Entry {
  return {
    messageId: `${sequence}-of-some-orders`.slice(0, 4 + (sequence % 20)).padStart(12, `${sequence}.`),
    sequence,
  };
}

describe('the confirm ledger', () => {
  test('settles what a list of unconfirmed numbers would, whatever order the confirms come in', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ledger = new ConfirmLedger<Entry>();
        let model: number[] = [];
        let published = 0;
        for (const one of steps) {
          if (one.kind === 'publish') {
            published += 1;
            ledger.add(published, entry(published));
            model.push(published);
          } else if (published > 0) {
            const sequence = (one.pick % published) + 1;
            const expected = model.filter((open) => (one.multiple ? open <= sequence : open === sequence));
            model = model.filter((open) => !expected.includes(open));
            expect(settled(ledger, sequence, one.multiple)).toEqual(expected);
          }
          expect(ledger.size).toBe(model.length);
          expect(ledger.oldest()?.sequence).toBe(model[0]);
          for (let sequence = 1; sequence <= published; sequence += 1) {
            const found = ledger.byId(entry(sequence).messageId);
            expect(found?.sequence).toBe(model.includes(sequence) ? sequence : undefined);
          }
        }
        expect(ledger.drain().map(({ sequence }) => sequence)).toEqual(model);
        expect(ledger.size).toBe(0);
        for (const sequence of model) expect(ledger.byId(entry(sequence).messageId)).toBeUndefined();
      }),
    );
  });

  test('keeps nothing of 100,000 messages whose confirms come out of order', () => {
    const ledger = new ConfirmLedger<Entry>();
    for (let sequence = 1; sequence <= 100_000; sequence += 2) {
      ledger.add(sequence, entry(sequence));
      ledger.add(sequence + 1, entry(sequence + 1));
      expect(settled(ledger, sequence + 1, false)).toEqual([sequence + 1]);
      expect(settled(ledger, sequence, true)).toEqual([sequence]);
    }
    expect(ledger.size).toBe(0);
  });

  test('keeps its order and its size when some stay behind for long', () => {
    const ledger = new ConfirmLedger<Entry>();
    const behind = [3, 4, 1_000, 5_000, 70_000];
    for (let sequence = 1; sequence <= 100_000; sequence += 1) {
      ledger.add(sequence, entry(sequence));
      if (!behind.includes(sequence)) expect(settled(ledger, sequence, false)).toEqual([sequence]);
    }
    expect(ledger.size).toBe(5);
    expect(ledger.oldest()).toEqual(entry(3));
    for (const sequence of behind) expect(ledger.byId(entry(sequence).messageId)).toEqual(entry(sequence));
    expect(settled(ledger, 4, false)).toEqual([4]);
    expect(settled(ledger, 4, false)).toEqual([]);
    expect(settled(ledger, 5_000, true)).toEqual([3, 1_000, 5_000]);
    expect(ledger.byId(entry(5_000).messageId)).toBeUndefined();
    expect(ledger.drain()).toEqual([entry(70_000)]);
    ledger.add(1, entry(1));
    expect(settled(ledger, 1, true)).toEqual([1]);
  });

  test('grows for thousands that wait at once', () => {
    const ledger = new ConfirmLedger<Entry>();
    for (let sequence = 1; sequence <= 10_000; sequence += 1) ledger.add(sequence, entry(sequence));
    expect(settled(ledger, 9_999, false)).toEqual([9_999]);
    expect(settled(ledger, 10_000, true)).toHaveLength(9_999);
    expect(ledger.oldest()).toBeUndefined();
  });
});

function settled(ledger: ConfirmLedger<Entry>, sequence: number, multiple: boolean): number[] {
  const sequences: number[] = [];
  ledger.settle(sequence, multiple, (one) => sequences.push(one.sequence));
  return sequences;
}
