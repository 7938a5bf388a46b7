import { SurehopError } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import { HandClock } from './hand-clock.test-d.ts';
import { HandlerRun, type Job, type Outcome, type Returned } from './handler-run.ts';
import { TimeLimit } from './time-limit.ts';

const closing = new SurehopError('SUREHOP_CLOSE_TIMEOUT', 'closing', { retryable: true });

function begin(call: (run: HandlerRun) => unknown) {
  const clock = new HandClock();
  const outcomes: (Outcome | undefined)[] = [];
  const returned: Returned[] = [];
  let stuck = 0;
  const limit = new TimeLimit(clock, 1_000);
  const job: Job = {
    call,
    onOutcome: (outcome) => void outcomes.push(outcome),
    onStuck: () => {
      stuck += 1;
    },
    onReturned: (how) => void returned.push(how),
  };
  const run = new HandlerRun(job, limit, 200);
  run.start();
  return { clock, limit, run, outcomes, returned, stuck: () => stuck };
}

/** An object whose `then` is what the getter gives. */
const thenable = (get: () => unknown) => Object.defineProperty({}, 'then', { get });

/** Lets what is resolved become known. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a handler that ends in time', () => {
  test.each([
    ['a value', () => 7],
    ['nothing', () => undefined],
    ['a promise', async () => 'x'],
    ['a foreign thenable', () => thenable(() => (resolve: () => void) => resolve())],
  ])('with %s is done, and its limit means nothing any more', async (_what, call) => {
    const { clock, outcomes, returned } = begin(call);
    await turn();
    expect(outcomes).toEqual([{ status: 'done' }]);
    expect(returned).toEqual([{ late: undefined, wasStuck: false }]);
    clock.pass(2_000);
    expect(outcomes).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  test.each([
    ['throws', () => Promise.reject(new Error('a'))],
    [
      'throws at once',
      () => {
        throw new Error('a');
      },
    ],
    [
      'returns what throws when it is looked at',
      () =>
        thenable(() => {
          throw new Error('a');
        }),
    ],
  ])('and %s has failed', async (_what, call) => {
    const { outcomes } = begin(call);
    await turn();
    expect(outcomes).toEqual([{ status: 'failed', error: new Error('a') }]);
  });
});

describe('a handler at its limit', () => {
  test('has its signal aborted, with the reason', () => {
    const { clock, run, outcomes } = begin(() => new Promise(() => undefined));
    clock.pass(999);
    expect(run.signal.aborted).toBe(false);
    clock.pass(1);
    expect(run.signal.reason).toMatchObject({ code: 'SUREHOP_HANDLER_TIMEOUT' });
    expect(outcomes).toEqual([]);
  });

  test('is done when it returns within the grace period', async () => {
    const { clock, outcomes, returned, stuck } = begin(
      ({ signal }) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
    );
    clock.pass(1_000);
    await turn();
    clock.pass(10_000);
    expect(outcomes).toEqual([{ status: 'done' }]);
    expect(returned).toEqual([{ late: undefined, wasStuck: false }]);
    expect(stuck()).toBe(0);
  });

  test('has failed with the time limit when it throws within it, what it threw being the cause', async () => {
    const { clock, outcomes } = begin(
      ({ signal }) =>
        new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('query')))),
    );
    clock.pass(1_000);
    await turn();
    expect(outcomes).toMatchObject([
      { status: 'failed', error: { code: 'SUREHOP_HANDLER_TIMEOUT', cause: new Error('query') } },
    ]);
  });

  test('is given up after the grace period, once; what it returns with then is late', async () => {
    let end: () => void = () => undefined;
    const { clock, outcomes, returned, stuck, run } = begin(
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
    );
    clock.pass(1_200);
    expect(outcomes).toMatchObject([{ status: 'failed', error: { code: 'SUREHOP_HANDLER_TIMEOUT' } }]);
    expect([stuck(), run.isAwaited, returned]).toEqual([1, false, []]);
    end();
    await turn();
    expect(outcomes).toHaveLength(1);
    expect(returned).toEqual([{ late: { status: 'done' }, wasStuck: true }]);
    clock.pass(2_000);
    expect(outcomes).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });
});

describe('a handler that is abandoned', () => {
  test('has its signal aborted, is waited for no longer, and is late whatever it does', async () => {
    const { outcomes, returned, run, clock } = begin(
      ({ signal }) =>
        new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    run.abandon(closing);
    run.abandon(closing);
    await turn();
    expect(outcomes).toEqual([undefined]);
    expect(returned).toEqual([{ late: { status: 'failed', error: closing }, wasStuck: false }]);
    clock.pass(2_000);
    expect(outcomes).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  test('and asks for its signal only then finds it aborted', () => {
    const { run } = begin(() => new Promise(() => undefined));
    run.abandon(closing);
    expect(run.signal.reason).toBe(closing);
  });

  test('and never returns is seen to hang after all', () => {
    const { run, limit, clock, stuck, outcomes } = begin(() => new Promise(() => undefined));
    run.abandon(closing);
    clock.pass(1_200);
    expect([stuck(), outcomes]).toEqual([1, [undefined]]);
    limit.unwatch();
    clock.pass(2_000);
    expect(outcomes).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });
});
