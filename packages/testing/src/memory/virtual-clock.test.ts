import { expect, test } from 'vitest';
import { VirtualClock } from './virtual-clock.ts';

test('calls back in order of time, and of scheduling where two are due at once', () => {
  const clock = new VirtualClock();
  const calls: string[] = [];
  for (const [name, delayMs] of [
    ['c', 20],
    ['a', 10],
    ['d', 20],
    ['b', 10],
    ['now', 0],
  ] as const) {
    clock.setTimeout(() => calls.push(`${name}@${clock.now()}`), delayMs);
  }
  while (clock.runNext());
  expect(calls).toEqual(['now@0', 'a@10', 'b@10', 'c@20', 'd@20']);
});

test('keeps the order of thousands, some of them cancelled', () => {
  const clock = new VirtualClock();
  const at = Array.from({ length: 5_000 }, (_, index) => (index * 7_919) % 1_009);
  const calls: number[] = [];
  const cancels = at.map((delayMs) => clock.setTimeout(() => calls.push(delayMs), delayMs));
  cancels.forEach((cancel, index) => {
    if (index % 3 === 0) cancel();
  });
  cancels[0]?.(); // a second time
  expect(clock.waiting).toBe(at.filter((_, index) => index % 3 !== 0).length);
  while (clock.runNext());
  expect(calls).toEqual(at.filter((_, index) => index % 3 !== 0).toSorted((one, other) => one - other));
  expect(clock.waiting).toBe(0);
});

test('lets promises settle between two callbacks', async () => {
  const clock = new VirtualClock();
  const calls: string[] = [];
  const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimeout(resolve, ms));
  void (async () => {
    await wait(10);
    calls.push(`first at ${clock.now()}`);
    await wait(10);
    calls.push(`second at ${clock.now()}`);
  })();
  clock.setTimeout(() => calls.push('third'), 21);
  await clock.advanceBy(20);
  expect(calls).toEqual(['first at 10', 'second at 20']);
  await clock.advanceBy(1);
  expect(calls.at(-1)).toBe('third');
});

test('aborts a deadline when it is due', async () => {
  const clock = new VirtualClock();
  const signal = clock.deadline(30_000);
  await clock.advanceBy(29_999);
  expect(signal.aborted).toBe(false);
  await clock.advanceBy(1);
  expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
});

test('jumps as the clock of a machine does, without making anything due', async () => {
  const clock = new VirtualClock({ epochMs: 1_000 });
  let calls = 0;
  clock.setTimeout(() => {
    calls += 1;
  }, 10);
  clock.jumpEpoch(3_600_000);
  expect(clock.epochMs()).toBe(3_601_000);
  expect(clock.now()).toBe(0);
  clock.moveTo(1_000);
  expect(clock.now()).toBe(10); // never past what is due
  expect(calls).toBe(0);
});
