import type { DriverChannel } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import { HandClock } from './hand-clock.test-d.ts';
import { Settler } from './settler.ts';

function settling() {
  const clock = new HandClock();
  const sent: string[] = [];
  const channel = {
    ack: (tag: number, multiple: boolean) => void sent.push(multiple ? `ack to ${tag}` : `ack ${tag}`),
    nack: (tag: number, requeue: boolean) => void sent.push(requeue ? `return ${tag}` : `lay aside ${tag}`),
  } as unknown as DriverChannel;
  const settler = new Settler(channel, clock);
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
