import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Deadlines, type WithDeadline } from './deadlines.ts';
import type { Clock } from './effects.ts';

/** A clock that goes on when it is told to, and counts its timers. */
class HandClock implements Clock {
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  #now = 1_000;
  set = 0;

  now(): number {
    return this.#now;
  }

  epochMs(): number {
    throw new Error('a deadline must not depend on it');
  }

  get timers(): number {
    return this.#timers.size;
  }

  setTimeout(callback: () => void, delayMs: number): () => void {
    this.set += 1;
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  defer(callback: () => void): void {
    callback();
  }

  deadline(): AbortSignal {
    throw new Error('not used here');
  }

  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((one, other) => one.at - other.at);
      if (next === undefined || next.at > until) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = until;
  }
}

type Item = WithDeadline;

function item(deadlineAt: number): Item {
  return { deadlineAt, pendingAt: undefined };
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), ms: fc.integer({ min: 1, max: 500 }) }),
  fc.record({ kind: fc.constant('delete' as const), ms: fc.nat() }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 200 }) }),
);

describe('deadlines', () => {
  test('everything is due at its time, at most 10 ms late, never early, once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const clock = new HandClock();
        const due: { item: Item; at: number }[] = [];
        const deadlines = new Deadlines<Item>(clock, (item) => due.push({ item, at: clock.now() }));
        let open: Item[] = [];
        for (const { kind, ms } of steps) {
          if (kind === 'add') {
            const added = item(clock.now() + ms);
            open.push(added);
            deadlines.add(added);
          } else if (kind === 'delete') {
            const item = open[ms % Math.max(1, open.length)];
            if (item !== undefined) expect(deadlines.delete(item)).toBe(true);
            open = open.filter((one) => one !== item);
          } else clock.advance(ms);
          for (const { item, at } of due.splice(0)) {
            expect(open).toContain(item);
            open = open.filter((one) => one !== item);
            expect(at).toBeGreaterThanOrEqual(item.deadlineAt);
            expect(at).toBeLessThanOrEqual(item.deadlineAt + 10);
          }
          expect(open.every(({ deadlineAt }) => deadlineAt + 10 >= clock.now())).toBe(true);
          expect(deadlines.items()).toEqual(open);
          expect(clock.timers).toBe(open.length === 0 ? 0 : 1);
        }
      }),
    );
  });

  test('ten thousand messages take one timer, and sweeps are at least 10 ms apart', () => {
    const clock = new HandClock();
    let due = 0;
    const deadlines = new Deadlines<Item>(clock, () => {
      due += 1;
    });
    for (let index = 0; index < 10_000; index += 1) deadlines.add(item(clock.now() + 1_000 + index / 100));
    expect(clock.set).toBe(1);
    clock.advance(2_000);
    expect(due).toBe(10_000);
    expect(clock.set).toBeLessThanOrEqual(12);
    expect(clock.timers).toBe(0);
  });

  test('a timer that fires before the clock says so counts all the same', () => {
    let fire: () => void = () => undefined;
    const early: Clock = {
      now: () => 0,
      epochMs: () => 0,
      setTimeout: (callback) => {
        fire = callback;
        return () => undefined;
      },
      defer: () => undefined,
      deadline: () => new AbortController().signal,
    };
    const due: Item[] = [];
    const deadlines = new Deadlines<Item>(early, (item) => due.push(item));
    deadlines.add(item(50));
    fire();
    expect(due).toHaveLength(1);
  });

  test('what is due may free what is not, and add more', () => {
    const clock = new HandClock();
    const other = item(clock.now() + 10);
    const third = item(clock.now() + 40);
    const due: Item[] = [];
    const deadlines = new Deadlines<Item>(clock, (item) => {
      due.push(item);
      if (due.length > 1) return;
      deadlines.delete(other);
      deadlines.add(third);
    });
    const first = item(clock.now() + 10);
    deadlines.add(first);
    deadlines.add(other);
    clock.advance(100);
    expect(due).toEqual([first, third]);
  });
});
