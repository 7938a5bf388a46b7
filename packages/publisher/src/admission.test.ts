import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Admission, type Bounds, type Weighted } from './admission.ts';

interface Item extends Weighted {
  readonly name: number;
}

/** The same rules over plain lists, one line each. */
class Model {
  readonly bounds: Bounds;
  admitted: Item[] = [];
  parked: Item[] = [];
  queue: Item[] = [];

  constructor(bounds: Bounds) {
    this.bounds = bounds;
  }

  mayWait(item: Item): boolean {
    const waiting = [...this.parked, ...this.queue];
    const { maxWaiting, maxWaitingBytes } = this.bounds;
    return waiting.length === 0 || (waiting.length < maxWaiting && sum([...waiting, item]) <= maxWaitingBytes);
  }

  hasRoom(item: Item): boolean {
    const { maxUnconfirmed, maxUnconfirmedBytes } = this.bounds;
    if (this.admitted.length === 0) return true;
    return this.admitted.length < maxUnconfirmed && sum([...this.admitted, item]) <= maxUnconfirmedBytes;
  }

  enter(item: Item): 'admitted' | 'queued' | 'full' {
    const wasParked = this.parked.includes(item);
    if (this.queue.length === 0 && this.hasRoom(item)) {
      this.leave(item);
      this.admitted.push(item);
      return 'admitted';
    }
    if (!wasParked && !this.mayWait(item)) return 'full';
    this.leave(item);
    this.queue.push(item);
    return 'queued';
  }

  leave(item: Item): void {
    this.admitted = this.admitted.filter((one) => one !== item);
    this.parked = this.parked.filter((one) => one !== item);
    this.queue = this.queue.filter((one) => one !== item);
  }
}

const bounds = fc.record({
  maxUnconfirmed: fc.integer({ min: 1, max: 5 }),
  maxUnconfirmedBytes: fc.integer({ min: 1, max: 50 }),
  maxWaiting: fc.integer({ min: 1, max: 5 }),
  maxWaitingBytes: fc.integer({ min: 1, max: 50 }),
});

const step = fc.oneof(
  fc.record({ kind: fc.constantFrom('enter' as const, 'park' as const), bytes: fc.integer({ min: 0, max: 60 }) }),
  fc.record({ kind: fc.constantFrom('leave' as const, 'unpark' as const), pick: fc.nat() }),
);

describe('admission', () => {
  test('does what the rules over plain lists say, in every order of calls', () => {
    fc.assert(
      fc.property(bounds, fc.array(step, { maxLength: 100 }), (given, steps) => {
        const admission = new Admission<Item>(given);
        const model = new Model(given);
        let name = 0;
        for (const one of steps) {
          if ('bytes' in one) {
            name += 1;
            const added = item(name, one.bytes);
            if (one.kind === 'enter') expect(admission.enter(added)).toBe(model.enter(added));
            else {
              const mayWait = model.mayWait(added);
              expect(admission.park(added)).toBe(mayWait);
              if (mayWait) model.parked.push(added);
            }
          } else if (one.kind === 'unpark') {
            const item = model.parked[one.pick % Math.max(1, model.parked.length)];
            if (item !== undefined) expect(admission.enter(item)).toBe(model.enter(item));
          } else {
            const held = [...model.admitted, ...model.parked, ...model.queue];
            const item = held[one.pick % Math.max(1, held.length)];
            if (item === undefined) continue;
            admission.leave(item);
            admission.leave(item);
            model.leave(item);
          }
          let next = admission.admitNext();
          while (next !== undefined) {
            expect(next).toBe(model.queue[0]);
            expect(model.hasRoom(next)).toBe(true);
            model.leave(next);
            model.admitted.push(next);
            next = admission.admitNext();
          }
          const [head] = model.queue;
          expect(head !== undefined && model.hasRoom(head)).toBe(false);
          expect(admission.unconfirmed).toBe(model.admitted.length);
          expect(admission.waiting).toBe(model.parked.length + model.queue.length);
          if (model.admitted.length > 1) expect(sum(model.admitted)).toBeLessThanOrEqual(given.maxUnconfirmedBytes);
          expect(model.admitted.length).toBeLessThanOrEqual(given.maxUnconfirmed);
        }
      }),
    );
  });

  test('a message larger than every bound goes through, alone', () => {
    const admission = new Admission<Item>({
      maxUnconfirmed: 9,
      maxUnconfirmedBytes: 10,
      maxWaiting: 9,
      maxWaitingBytes: 10,
    });
    const [small, huge, after] = [item(1, 1), item(2, 1_000), item(3, 1)];
    expect(admission.enter(small)).toBe('admitted');
    expect(admission.enter(huge)).toBe('queued');
    expect(admission.enter(after)).toBe('full');
    admission.leave(small);
    expect(admission.admitNext()).toBe(huge);
    expect(admission.enter(after)).toBe('queued');
    expect(admission.admitNext()).toBeUndefined();
    admission.leave(huge);
    expect(admission.admitNext()).toBe(after);
  });

  test('a small one does not overtake a large one that waits', () => {
    const admission = new Admission<Item>({
      maxUnconfirmed: 9,
      maxUnconfirmedBytes: 10,
      maxWaiting: 9,
      maxWaitingBytes: 99,
    });
    expect([item(1, 6), item(2, 6), item(3, 1)].map((one) => admission.enter(one))).toEqual([
      'admitted',
      'queued',
      'queued',
    ]);
    expect(admission.admitNext()).toBeUndefined();
  });
});

function item(name: number, bytes: number): Item {
  return { name, bytes, standing: undefined };
}

function sum(items: readonly Item[]): number {
  return items.reduce((total, { bytes }) => total + bytes, 0);
}
