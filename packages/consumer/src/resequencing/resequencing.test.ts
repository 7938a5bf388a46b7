import { describe, expect, test } from 'vitest';
import { opened, way } from './gate-stage.test-d.ts';
import type { ResequenceOptions, SequenceGap } from './resequence-options.ts';

describe('order', () => {
  test('is that of the numbers, one at a time; other sequences go beside it', () => {
    const { deliver, atWork, done, settled } = opened();
    deliver(3);
    deliver(1);
    deliver(1, { id: 'other', key: 'another' });
    deliver(2);
    expect(atWork()).toEqual(['m-1', 'other']);
    done();
    expect(atWork()).toEqual(['other', 'm-2']);
    done();
    done();
    expect(atWork()).toEqual(['m-3']);
    done();
    expect(settled).toEqual(['m-1 ack', 'other ack', 'm-2 ack', 'm-3 ack']);
  });

  test('of two numberings of one key is kept in each of them', () => {
    const { deliver, atWork } = opened();
    deliver(1, { headers: { 'surehop-sequence-run': 'a' } });
    deliver(1, { id: 'later', headers: { 'surehop-sequence-run': 'b' } });
    expect(atWork()).toEqual(['m-1', 'later']);
  });

  test('is what `by` says', () => {
    const by: ResequenceOptions['by'] = ({ headers }) => ({
      key: 'all',
      number: 4 - Number(headers['surehop-sequence']),
    });
    const { deliver, atWork, done } = opened({ by });
    for (const number of [1, 2, 3]) deliver(number);
    done();
    done();
    expect(atWork()).toEqual(['m-1']);
  });
});

describe('a message without a place', () => {
  test.each<[string, ResequenceOptions['by'], RegExp]>([
    ['has no number', undefined, /SEQUENCE_MISSING: .* its publisher has set no "sequence"/],
    ['makes `by` throw', () => Reflect.get(undefined as never, 'id'), /resequence.by threw/],
    ['gets nothing of `by`', () => undefined as never, /gave undefined/],
    ['gets a fraction', () => ({ key: 'k', number: 1.5 }), /no integer of at least 1/],
    ['gets no key', () => ({ key: 7, number: 1 }) as never, /a key that is no string/],
  ])('%s: it is a dead letter', (_what, by, why) => {
    const { deliver, refused, atWork } = opened(by === undefined ? {} : { by });
    deliver(0);
    expect(refused).toEqual([expect.stringMatching(why)]);
    expect(atWork()).toEqual([]);
  });

  test.each(['surehop-reason', 'surehop-replayed-count'])(
    '%s: it was a dead letter, and is handled at once',
    (header) => {
      const { deliver, atWork } = opened();
      deliver(7, { headers: { [header]: 1 } });
      expect(atWork()).toEqual(['m-7']);
    },
  );
});

describe('a duplicate', () => {
  test('is dropped while the first one waits, is at work, or is done', () => {
    const { deliver, atWork, done, settled } = opened();
    deliver(2);
    deliver(2);
    deliver(1);
    deliver(1);
    expect([atWork(), settled]).toEqual([['m-1'], ['m-2 ack', 'm-1 ack']]);
    done();
    done();
    deliver(1);
    deliver(2);
    expect([atWork(), settled.slice(2)]).toEqual([[], ['m-1 ack', 'm-2 ack', 'm-1 ack', 'm-2 ack']]);
  });

  test('is not another message of the same number: a sequence that runs backwards is laid aside, none is dropped', () => {
    const { deliver, done, refused, atWork } = opened();
    for (const number of [1, 2]) deliver(number);
    done();
    done();
    deliver(1, { id: 'n-1' });
    deliver(2, { id: 'n-2', redelivered: true });
    expect(atWork()).toEqual([]);
    expect(refused).toEqual([
      expect.stringMatching(/^n-1: SUREHOP_SEQUENCE_PASSED: it is number 1 .* another message has that number/),
      expect.stringMatching(/^n-2: SUREHOP_SEQUENCE_PASSED/),
    ]);
  });
});

describe('a gap', () => {
  const behindGap = (options: ResequenceOptions = {}) => {
    const world = opened(options);
    world.deliver(1);
    world.done();
    world.deliver(4);
    return world;
  };

  test('is skipped when it does not close in time, with a report', () => {
    const { clock, atWork, lines } = behindGap();
    clock.pass(999);
    expect(atWork()).toEqual([]);
    clock.pass(1);
    expect(atWork()).toEqual(['m-4']);
    expect(lines).toEqual(['messages of a sequence are missing: going on without them: 2-3 time']);
  });

  test('closes when what is missing comes; the next one has its own time', () => {
    const { clock, deliver, done, atWork, lines } = behindGap();
    clock.pass(900);
    deliver(2);
    done();
    clock.pass(900);
    expect([atWork(), lines]).toEqual([[], []]);
    deliver(3);
    done();
    expect(atWork()).toEqual(['m-4']);
    expect(clock.timers).toBe(0);
  });

  test('what comes after it was given up is laid aside, also when it was delivered before', () => {
    const { clock, deliver, refused, atWork } = behindGap();
    clock.pass(1_000);
    deliver(2);
    deliver(3, { redelivered: true });
    expect(refused).toEqual([
      expect.stringMatching(/^m-2: SUREHOP_SEQUENCE_PASSED: it is number 2 of .* number 3 was reached before it came/),
      expect.stringMatching(/^m-3: /),
    ]);
    expect(atWork()).toEqual(['m-4']);
  });

  test('halts the consumer, where that is asked for', () => {
    const { clock, atWork, lines, state, resequencing, first } = behindGap({ onGap: 'halt' });
    clock.pass(1_000);
    expect(lines).toEqual(['messages of a sequence are missing: the consumer halts: 2-3 time']);
    expect([state.halts, resequencing.halted?.to]).toEqual([1, 3]);
    expect(resequencing.withdraw(first)).toHaveLength(1);
    expect([clock.timers, atWork()]).toEqual([0, []]);
  });

  test('a function is told of it and decides; where it throws, the consumer halts', () => {
    const gaps: SequenceGap[] = [];
    const { clock, atWork, state } = behindGap({
      onGap: (gap) => {
        gaps.push(gap);
        return 'skip';
      },
    });
    clock.pass(1_000);
    expect([gaps, atWork(), state.halts]).toEqual([
      [{ queue: 'orders', key: 'k', run: '', from: 2, to: 3, reason: 'time' }],
      ['m-4'],
      0,
    ]);
    const throwing = behindGap({ onGap: () => Reflect.get(undefined as never, 'x') });
    throwing.clock.pass(1_000);
    expect([throwing.atWork(), throwing.state.halts]).toEqual([[], 1]);
  });

  test('is not waited for when all the room is taken: the oldest goes first', () => {
    const { deliver, atWork, lines } = behindGap({ maxBuffered: 4 });
    deliver(1, { id: 'b-1', key: 'b' });
    deliver(3, { id: 'b-3', key: 'b' });
    expect(atWork()).toEqual(['b-1']);
    deliver(6);
    deliver(7);
    expect(lines).toEqual([]);
    deliver(8);
    expect(lines).toEqual(['messages of a sequence are missing: going on without them: 2-3 room']);
    expect(atWork()).toEqual(['b-1', 'm-4']);
  });

  test('has no end while the broker may not hand out what is missing', () => {
    const { clock, atWork, state } = behindGap();
    state.mayReceive = false;
    clock.pass(10_000);
    expect(atWork()).toEqual([]);
    state.mayReceive = true;
    clock.pass(1_000);
    expect(atWork()).toEqual(['m-4']);
  });
});

describe('one that fails', () => {
  const headers = { 'surehop-sequence': 1, 'surehop-sequence-key': 'k', 'surehop-attempt': 1 };

  test('is tried again after its delay, and those behind it wait for it', () => {
    const { clock, deliver, atWork, first, done } = opened();
    for (const number of [1, 2]) deliver(number);
    first.entered.shift()?.again?.({ ...headers, 'surehop-not-before': '2099-01-01T00:00:00.000Z' }, 5_000);
    clock.pass(4_999);
    expect(atWork()).toEqual([]);
    clock.pass(1);
    expect(atWork()).toEqual(['m-1']);
    expect(first.entered[0]?.message.headers).toEqual(headers);
    done();
    expect(atWork()).toEqual(['m-2']);
  });

  test('keeps its attempts and its delay when the channel is lost', () => {
    const { clock, resequencing, deliver, atWork, first } = opened();
    const second = way();
    for (const number of [1, 2]) deliver(number);
    first.entered.shift()?.again?.(headers, 5_000);
    first.isTaking = false;
    resequencing.lost(first);
    for (const number of [1, 2]) deliver(number, { redelivered: true }, second);
    clock.pass(4_999);
    expect(atWork(second)).toEqual([]);
    clock.pass(1);
    expect(atWork(second)).toEqual(['m-1']);
    expect(second.entered[0]?.message.headers['surehop-attempt']).toBe(1);
  });

  test('goes back to the queue where nothing is started any more', () => {
    const { resequencing, deliver, first, settled, clock } = opened();
    for (const number of [1, 2]) deliver(number);
    first.isTaking = false;
    expect(resequencing.withdraw(first)).toHaveLength(1);
    first.entered.shift()?.again?.(headers, 5_000);
    expect([settled, clock.timers]).toEqual([['m-1 return'], 0]);
  });
});

test('what a lost channel had comes again and is handled again, what was done before is dropped', () => {
  const { resequencing, deliver, atWork, done, settled, first } = opened();
  const second = way();
  for (const number of [1, 2, 3]) deliver(number);
  done();
  first.isTaking = false;
  resequencing.lost(first);
  for (const number of [1, 2, 3]) deliver(number, { redelivered: true }, second);
  expect([atWork(second), settled]).toEqual([[], ['m-1 ack', 'm-1 ack']]);
  done(); // of the handler that went on
  expect([atWork(second), settled.slice(2)]).toEqual([['m-2'], []]);
});

test.each(['return', 'keep back'] as const)(
  'what is given back (%s) is not done, and no duplicate when it comes again',
  (how) => {
    const { deliver, atWork, settled, first } = opened();
    for (const number of [1, 2]) deliver(number);
    const returned = first.entered.shift();
    returned?.left?.();
    returned?.settle(how);
    expect([atWork(), settled]).toEqual([[], [`m-1 ${how}`]]);
    deliver(1, { redelivered: true });
    expect([atWork(), settled]).toEqual([['m-1'], [`m-1 ${how}`]]);
  },
);

test('of a sequence no handler starts beside one that a lost channel left behind, whatever became of its message', () => {
  const { clock, resequencing, deliver, atWork, done, settled, first } = opened();
  const second = way();
  deliver(1);
  first.isTaking = false;
  resequencing.lost(first);
  for (const number of [1, 2]) deliver(number, { redelivered: true }, second);
  deliver(1, { id: 'other', key: 'another' }, second);
  expect(atWork(second)).toEqual(['other']);
  second.isTaking = false;
  resequencing.lost(second);
  const third = way();
  for (const number of [1, 2]) deliver(number, { redelivered: true }, third);
  expect([atWork(third), settled, clock.timers]).toEqual([[], [], 0]);
  done();
  expect(atWork(third)).toEqual(['m-1']);
  done(third);
  expect(atWork(third)).toEqual(['m-2']);
});

test('one that waited for a slot when its channel was lost leaves nothing behind that is waited for', () => {
  const { resequencing, deliver, atWork, first } = opened();
  const second = way();
  first.enter = () => undefined;
  deliver(1);
  resequencing.lost(first);
  deliver(1, { redelivered: true }, second);
  expect(atWork(second)).toEqual(['m-1']);
});

test('without a store a sequence is taken up where it stands, at the lowest number that comes in time', () => {
  const { clock, deliver, atWork, done, lines, refused } = opened({ onGap: 'halt' });
  deliver(18);
  deliver(17);
  clock.pass(1_000);
  expect(atWork()).toEqual(['m-17']);
  done();
  expect(atWork()).toEqual(['m-18']);
  expect(lines).toEqual(['a sequence is taken up where it stands: 1-16 time']);
  deliver(16, { redelivered: true });
  expect(refused).toHaveLength(1);
});
