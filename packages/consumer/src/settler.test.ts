import type { DriverChannel } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import { HandClock } from './hand-clock.test-d.ts';
import { Settler } from './settler.ts';

function settling(prefetch = 10) {
  const clock = new HandClock();
  const sent: string[] = [];
  const channel = {
    ack: (tag: number, multiple: boolean) => void sent.push(multiple ? `ack to ${tag}` : `ack ${tag}`),
    nack: (tag: number, requeue: boolean) => void sent.push(requeue ? `return ${tag}` : `lay aside ${tag}`),
    pauseReading: (forMs: number) => void sent.push(`pause ${forMs}`),
  } as unknown as DriverChannel;
  const settler = new Settler(channel, clock, prefetch);
  return { clock, sent, settler };
}

describe('settling', () => {
  test('acknowledgements of one turn leave together, at its end', () => {
    const { clock, sent, settler } = settling();
    for (const tag of [1, 2, 3, 4]) settler.delivered(tag);
    for (const tag of [2, 1, 4]) settler.settle(tag, 'ack');
    expect(sent).toEqual([]);
    clock.turn();
    expect(sent).toEqual(['ack to 2', 'ack 4']);
    expect(settler.unsettled).toBe(1);
  });

  test('what is given back or laid aside leaves at once', () => {
    const { sent, settler } = settling();
    for (const tag of [1, 2]) settler.delivered(tag);
    settler.settle(1, 'return');
    settler.settle(2, 'broker-dead-letter');
    expect(sent).toEqual(['return 1', 'lay aside 2']);
  });

  test('the first settlement stands', () => {
    const { clock, sent, settler } = settling();
    settler.delivered(1);
    expect(settler.settle(1, 'ack')).toBe(true);
    expect(settler.settle(1, 'return')).toBe(false);
    expect(settler.settle(1, 'ack')).toBe(false);
    expect(settler.settle(2, 'ack')).toBe(false);
    clock.turn();
    expect(sent).toEqual(['ack 1']);
  });
});

describe('while messages flow', () => {
  /** Has settled and sent one, so that messages flow; 2 to 20 are in hand or on their way. */
  function flowing(prefetch: number) {
    const stage = settling(prefetch);
    const deliver = (...tags: number[]) => {
      for (const tag of tags) stage.settler.delivered(tag);
    };
    const settle = (...tags: number[]) => {
      for (const tag of tags) stage.settler.settle(tag, 'ack');
    };
    deliver(1);
    settle(1);
    stage.clock.turn();
    stage.sent.length = 0;
    return { ...stage, deliver, settle };
  }

  test('an acknowledgement waits for others for one millisecond, not longer', () => {
    const { clock, sent, deliver, settle } = flowing(10);
    deliver(2, 3);
    settle(2);
    clock.turn();
    settle(3);
    clock.turn();
    expect(sent).toEqual([]);
    clock.pass(1);
    expect(sent).toEqual(['ack to 3']);
    expect(clock.timers).toBe(0);
  });

  test('it leaves with the turn as soon as more than half of the prefetch waits', () => {
    const { clock, sent, deliver, settle } = flowing(10);
    deliver(2, 3, 4, 5, 6);
    settle(2, 3, 4, 5, 6);
    clock.turn();
    expect(sent).toEqual([]);
    deliver(7);
    settle(7);
    clock.turn();
    expect(sent).toEqual(['ack to 7']);
    expect(clock.timers).toBe(0);
  });

  test('what is still in hand counts towards that half: no slot waits for an acknowledgement', () => {
    const { clock, sent, deliver, settle } = flowing(10);
    deliver(2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    settle(2);
    clock.turn();
    expect(sent).toEqual(['ack 2']);
  });

  test.each([1, 2])('with a prefetch of %i none waits where another delivery could need its room', (prefetch) => {
    const { clock, sent, deliver, settle } = flowing(prefetch);
    const tags = [2, 3].slice(0, prefetch);
    deliver(...tags);
    settle(2);
    clock.turn();
    expect(sent).toEqual(['ack 2']);
  });

  test('a straggler holds nothing back for longer than that', () => {
    const { clock, sent, deliver, settle } = flowing(20);
    deliver(2, 3, 4, 5);
    settle(3, 4, 5);
    clock.pass(1);
    expect(sent).toEqual(['ack 3', 'ack 4', 'ack 5']);
    settle(2);
    clock.pass(1);
    expect(sent.at(-1)).toBe('ack 2');
  });

  test('an idle consumer acknowledges with the turn', () => {
    const { clock, sent, deliver, settle } = flowing(10);
    clock.pass(3);
    deliver(2);
    settle(2);
    clock.turn();
    expect(sent).toEqual(['ack 2']);
  });

  test('what waits leaves before a close, and on no channel that is gone', () => {
    const first = flowing(10);
    first.deliver(2, 3);
    first.settle(2, 3);
    first.clock.turn();
    first.settler.flush();
    expect(first.sent).toEqual(['ack to 3']);
    const lost = flowing(10);
    lost.deliver(2);
    lost.settle(2);
    lost.clock.turn();
    lost.settler.drop();
    lost.clock.pass(10);
    expect([lost.sent, lost.clock.timers]).toEqual([[], 0]);
  });

  test('1,000 messages in turns of 5 take 100 acknowledgements at the most, at a prefetch of 20', () => {
    const { clock, sent, deliver, settle } = flowing(20);
    for (let tag = 2; tag < 1_002; tag += 5) {
      const turn = [tag, tag + 1, tag + 2, tag + 3, tag + 4];
      deliver(...turn);
      settle(...turn);
      clock.turn();
    }
    expect(sent.length).toBeLessThanOrEqual(100);
    expect(sent.every((ack) => ack.startsWith('ack to'))).toBe(true);
  });
});

describe('behind a message whose copy is on its way', () => {
  /** All of the prefetch is in hand, so that nothing waits for others, and the copies of 1 and 7 onwards are on their way. */
  function full(prefetch: number) {
    const stage = settling(prefetch);
    for (let tag = 1; tag <= prefetch; tag += 1) stage.settler.delivered(tag);
    stage.settler.moving(1);
    for (let tag = 7; tag <= prefetch; tag += 1) stage.settler.moving(tag);
    const settle = (...tags: number[]) => {
      for (const tag of tags) stage.settler.settle(tag, 'ack');
      stage.clock.turn();
    };
    return { ...stage, settle };
  }

  test('acknowledgements leave with that of the copied one', () => {
    const { clock, sent, settle } = full(12);
    settle(3);
    settle(2);
    expect(sent).toEqual([]);
    settle(1);
    expect(sent).toEqual(['ack to 3']);
    expect(clock.timers).toBe(0);
  });

  test('they wait for 10 ms, counted from the first, and not longer', () => {
    const { clock, sent, settle } = full(12);
    settle(3);
    clock.pass(6);
    settle(2);
    clock.pass(3);
    expect(sent).toEqual([]);
    clock.pass(1);
    expect(sent).toEqual(['ack 2', 'ack 3']);
    expect(clock.timers).toBe(0);
  });

  test('more than half of the prefetch never waits', () => {
    const { sent, settle } = full(12);
    settle(6, 5, 4, 3, 2, 12);
    expect(sent).toEqual([]);
    settle(8);
    expect(sent).toEqual([2, 3, 4, 5, 6, 8, 12].map((tag) => `ack ${tag}`));
  });

  test('none waits where most of what is in hand is at work: a slot could be waiting for it', () => {
    const { sent, settle } = full(6);
    settle(2);
    expect(sent).toEqual(['ack 2']);
  });

  test('behind a handler that still runs, none waits', () => {
    const { sent, settle, settler } = full(12);
    settler.moving(4);
    settle(1);
    settle(3);
    expect(sent).toEqual(['ack 1', 'ack 3']);
  });

  test('they leave before a close, and on no channel that is gone', () => {
    const closing = full(12);
    closing.settle(2);
    closing.settler.flush();
    expect([closing.sent, closing.clock.timers]).toEqual([['ack 2'], 0]);
    const lost = full(12);
    lost.settle(2);
    lost.settler.drop();
    lost.clock.pass(20);
    expect([lost.sent, lost.clock.timers]).toEqual([[], 0]);
  });
});

describe('pausing', () => {
  /** So many are in hand, and of the first ones of them the copies are on their way. */
  function moved({ prefetch, inHand, moving }: { prefetch: number; inHand: number; moving: number }): string[] {
    const { sent, settler } = settling(prefetch);
    for (let tag = 1; tag <= inHand; tag += 1) settler.delivered(tag);
    for (let tag = 1; tag <= moving; tag += 1) settler.moving(tag);
    return sent;
  }

  test('nothing is read for 2 ms once an eighth of the prefetch is being copied, and that is half of what is in hand', () => {
    expect(moved({ prefetch: 200, inHand: 50, moving: 25 })).toEqual(['pause 2']);
    expect(moved({ prefetch: 200, inHand: 24, moving: 24 })).toEqual([]);
    expect(moved({ prefetch: 200, inHand: 51, moving: 25 })).toEqual([]);
  });

  test('never with a prefetch of which a pause would keep back too much', () => {
    expect(moved({ prefetch: 63, inHand: 63, moving: 63 })).toEqual([]);
  });
});

describe('closing', () => {
  test('is safe at once after nothing, or one acknowledgement for all', () => {
    const { settler } = settling();
    expect(settler.closeSafeInMs).toBe(0);
    for (const tag of [1, 2, 3]) settler.delivered(tag);
    for (const tag of [1, 2, 3]) settler.settle(tag, 'ack');
    settler.flush();
    expect(settler.closeSafeInMs).toBe(0);
  });

  test.each([
    ['a single acknowledgement', 'ack'],
    ['giving back', 'return'],
  ] as const)('is safe 100 ms after %s', (_what, settlement) => {
    const { clock, settler } = settling();
    for (const tag of [1, 2]) settler.delivered(tag);
    settler.settle(2, settlement);
    settler.flush();
    expect(settler.closeSafeInMs).toBe(100);
    clock.pass(60);
    expect(settler.closeSafeInMs).toBe(40);
    clock.pass(60);
    expect(settler.closeSafeInMs).toBe(0);
  });

  test('is safe 100 ms after the last of several in a row', () => {
    const { clock, settler } = settling();
    for (const tag of [1, 2, 3, 4]) settler.delivered(tag);
    for (const pair of [
      [1, 2],
      [3, 4],
    ]) {
      for (const tag of pair) settler.settle(tag, 'ack');
      settler.flush();
      clock.pass(30);
    }
    expect(settler.closeSafeInMs).toBe(70);
  });
});
