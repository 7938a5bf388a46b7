import { describe, expect, test } from 'vitest';
import { Caution } from './caution.ts';
import type { Delivery } from './delivery.ts';
import { HandClock } from './hand-clock.test-d.ts';

function delivery(deliveryCount: number): Delivery {
  return { message: { properties: {} }, deliveryCount } as Delivery;
}

const marked = delivery(3);
const plain = delivery(0);

function cautious() {
  const clock = new HandClock();
  const state = { isIdle: true };
  const lines: string[] = [];
  const line = (_fields: object, message?: string) => void lines.push(message ?? '');
  const log = { trace: line, debug: line, info: line, warn: line, error: line };
  const isIdle = () => state.isIdle;
  const options = { queue: 'orders', deliveryLimit: 50, isCautious: false, prefetch: 10, order: undefined };
  return { clock, state, lines, caution: new Caution({ ...options, clock, log, isIdle }) };
}

describe('quarantine', () => {
  test('ends with the first unmarked delivery that is settled', () => {
    const { caution } = cautious();
    expect([caution.arrived(marked), caution.isQuarantined, caution.isNarrow]).toEqual([true, true, true]);
    expect([caution.settled(marked), caution.isQuarantined]).toEqual([false, true]);
    expect([caution.settled(plain), caution.isQuarantined, caution.isNarrow]).toEqual([true, false, false]);
  });

  test('ends when nothing comes for 10 s; what comes then is looked at alone', () => {
    const { caution, clock, lines } = cautious();
    caution.arrived(marked);
    caution.settled(marked);
    clock.pass(9_999);
    expect(caution.isQuarantined).toBe(true);
    clock.pass(1);
    expect([caution.isQuarantined, caution.isNarrow]).toEqual([false, true]);
    expect(lines).toEqual([
      'a message was delivered often and never settled: taking messages one at a time',
      'taking messages as usual again',
    ]);
    expect([caution.arrived(plain), caution.isNarrow]).toEqual([true, false]);
  });

  test('stands while something is in hand, however long that takes', () => {
    const { caution, clock, state } = cautious();
    caution.arrived(marked);
    caution.watchIdle();
    state.isIdle = false;
    clock.pass(60_000);
    expect(caution.isQuarantined).toBe(true);
    state.isIdle = true;
    clock.pass(10_000);
    expect([caution.isQuarantined, clock.timers]).toEqual([false, 0]);
  });

  test('leaves no timer behind', () => {
    const { caution, clock } = cautious();
    caution.arrived(marked);
    caution.settled(marked);
    caution.unwatch();
    expect(clock.timers).toBe(0);
  });
});
