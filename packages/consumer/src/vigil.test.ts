import type { LinkSession } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import { HandClock } from './hand-clock.test-d.ts';
import type { Subscription } from './subscription.ts';
import { Vigil } from './vigil.ts';

function watched({ otherHosts = 2 } = {}) {
  const clock = new HandClock();
  const state = { mayProbe: true, hasCredit: true, probes: 0, destroyed: 0 };
  const destroy = (): void => {
    state.destroyed += 1;
  };
  const session = { isOpen: true, otherHosts, destroy } as unknown as LinkSession;
  const subscription = {
    get hasCredit() {
      return state.hasCredit;
    },
    probe: async () => {
      state.probes += 1;
    },
  } as unknown as Subscription;
  const vigil = new Vigil({ clock, mayProbe: () => state.mayProbe });
  vigil.watch(session, subscription);
  const pass = async (ms: number): Promise<void> => {
    clock.pass(ms);
    await new Promise((resolve) => setImmediate(resolve)); // a probe is answered
  };
  return { clock, state, session, subscription, vigil, pass };
}

describe('a sign of life', () => {
  test('is asked for when nothing has come for 4.5 s, and again 4.5 s later', async () => {
    const { state, pass } = watched();
    await pass(4_499);
    expect(state.probes).toBe(0);
    await pass(1);
    expect(state.probes).toBe(1);
    await pass(4_500);
    expect(state.probes).toBe(2);
  });

  test('is not asked for as long as messages come', async () => {
    const { state, vigil, pass } = watched();
    for (let second = 0; second < 30; second += 1) {
      await pass(1_000);
      vigil.heard();
    }
    expect(state.probes).toBe(0);
    await pass(4_500);
    expect(state.probes).toBe(1);
  });

  test('is not asked for while the window is full, nor in quarantine', async () => {
    const { state, pass } = watched();
    state.hasCredit = false;
    await pass(4_500);
    state.hasCredit = true;
    state.mayProbe = false;
    await pass(4_500);
    expect(state.probes).toBe(0);
    state.mayProbe = true;
    await pass(4_500);
    expect(state.probes).toBe(1);
  });

  test('is not asked for where there is no other host to go to', async () => {
    const { clock, state, pass } = watched({ otherHosts: 0 });
    await pass(60_000);
    expect([state.probes, clock.timers]).toEqual([0, 0]);
  });

  test('leaves no timer behind', async () => {
    const { clock, vigil, pass } = watched();
    await pass(4_500);
    vigil.unwatch();
    expect(clock.timers).toBe(0);
  });
});

describe('a host that owes an answer', () => {
  test('is left, until every host has been tried: then the queue is at fault', () => {
    const { state, session, vigil } = watched();
    for (let time = 0; time < 5; time += 1) vigil.unanswered(session, new Error('no answer'));
    expect(state.destroyed).toBe(2);
  });

  test('is left again once the queue was consumed in between', () => {
    const { state, session, subscription, vigil } = watched();
    for (let time = 0; time < 5; time += 1) vigil.unanswered(session, new Error('no answer'));
    vigil.watch(session, subscription);
    vigil.unanswered(session, new Error('no answer'));
    expect(state.destroyed).toBe(3);
  });
});
