import { describe, expect, test } from 'vitest';
import { HandClock } from './hand-clock.test-d.ts';
import { untilStanding } from './standing.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A topology that is being asserted, and what came of waiting for it. */
function waiting({ stoodBefore }: { stoodBefore: boolean }) {
  const clock = new HandClock();
  const over = new AbortController();
  let stand = (): void => undefined;
  let fail = (_cause: Error): void => undefined;
  const asserting = new Promise<void>((resolve, reject) => {
    stand = resolve;
    fail = reject;
  });
  let outcome: unknown = 'waiting';
  untilStanding(asserting, stoodBefore, clock, over.signal).then(
    () => {
      outcome = 'goes on';
    },
    (thrown: unknown) => {
      outcome = thrown;
    },
  );
  return { clock, over, stand, fail, outcome: () => turn().then(() => outcome) };
}

describe('a topology that stood before', () => {
  test('is waited for one second only, and may fail afterwards', async () => {
    const { clock, fail, outcome } = waiting({ stoodBefore: true });
    clock.pass(999);
    expect(await outcome()).toBe('waiting');
    clock.pass(1);
    expect(await outcome()).toBe('goes on');
    fail(new Error('too late to matter'));
    expect(await outcome()).toBe('goes on'); // an unhandled rejection would fail this run
  });

  test('holds nothing up, and leaves no timer, when it stands', async () => {
    const { clock, stand, outcome } = waiting({ stoodBefore: true });
    stand();
    expect(await outcome()).toBe('goes on');
    expect(clock.timers).toBe(0);
  });

  test('that cannot stand is told of', async () => {
    const { fail, outcome } = waiting({ stoodBefore: true });
    const mismatch = new Error('exists with other arguments');
    fail(mismatch);
    expect(await outcome()).toBe(mismatch);
  });

  test('is given up when the link is lost', async () => {
    const { over, outcome } = waiting({ stoodBefore: true });
    const lost = new Error('lost');
    over.abort(lost);
    expect(await outcome()).toBe(lost);
  });
});

test('a topology that did not stand before is waited for until it stands', async () => {
  const { clock, stand, outcome } = waiting({ stoodBefore: false });
  clock.pass(60_000);
  expect(await outcome()).toBe('waiting');
  stand();
  expect(await outcome()).toBe('goes on');
});
