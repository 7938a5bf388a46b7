import { defineExchange, defineQueue, type TopologyMode } from '@surehop/core';
import { guardedLogger, systemEffects } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import { DeclaredContracts } from './declared-contracts.ts';

interface Call {
  readonly signal: AbortSignal;
  readonly again: boolean;
  resolve(): void;
  reject(error: Error): void;
}

function setUp(mode: TopologyMode = 'declare') {
  const calls: Call[] = [];
  const told: string[] = [];
  let now = 0;
  const timers = new Map<() => void, number>();
  const setTimeout = (fire: () => void, delayMs: number): (() => void) => {
    timers.set(fire, now + delayMs);
    return () => void timers.delete(fire);
  };
  const ensure = (_topology: unknown, signal: AbortSignal, again: boolean): Promise<void> =>
    new Promise((resolve, reject) => calls.push({ signal, again, resolve, reject }));
  const log = guardedLogger({} as never);
  const effects = { ...systemEffects, clock: { ...systemEffects.clock, now: () => now, setTimeout } };
  const internals = { topology: { ensure }, options: { topology: mode }, effects, log };
  const contracts = new DeclaredContracts<string>({
    internals: internals as never,
    onDeclared: (item) => void told.push(item),
    onFailed: (item, error) => void told.push(`${item}: ${(error as Error).message}`),
  });
  const advance = (ms: number): void => {
    now += ms;
    for (const [fire, at] of timers) if (at <= now && timers.delete(fire)) fire();
  };
  return { contracts, calls, told, advance, timers };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const orders = defineQueue('orders');

describe('declared contracts', () => {
  test('all who wait share one attempt and are told in the order in which they came', async () => {
    const { contracts, calls, told } = setUp();
    for (const item of ['a', 'b', 'c']) contracts.wait(orders, item);
    contracts.leave(orders, 'b');
    expect(contracts.has(orders)).toBe(false);
    calls[0]?.resolve();
    await settle();
    expect(calls).toHaveLength(1);
    expect(told).toEqual(['a', 'c']);
    expect(contracts.has(orders)).toBe(true);
  });

  test('a failure is told to all, and not kept', async () => {
    const { contracts, calls, told } = setUp();
    for (const item of ['a', 'b']) contracts.wait(orders, item);
    calls[0]?.reject(new Error('no'));
    await settle();
    expect(told).toEqual(['a: no', 'b: no']);
    contracts.wait(orders, 'c');
    calls[1]?.resolve();
    await settle();
    expect(told.at(-1)).toBe('c');
  });

  test('an attempt that everybody has left is given up, and says nothing more', async () => {
    const { contracts, calls, told } = setUp();
    contracts.wait(orders, 'a');
    contracts.leave(orders, 'a');
    expect(calls[0]?.signal.aborted).toBe(true);
    contracts.wait(orders, 'b');
    calls[0]?.reject(new Error('given up'));
    await settle();
    expect(told).toEqual([]);
    calls[1]?.resolve();
    await settle();
    expect(told).toEqual(['b']);
  });

  test('what is wrong with a contract that nobody defined is told, not thrown', async () => {
    const { contracts, told } = setUp();
    contracts.wait({ kind: 'queue', name: 'made up' } as never, 'a');
    await settle();
    expect(told).toEqual([expect.stringMatching(/^a: /)]);
  });

  test('a thousand unroutable messages are one repair, and soon after it there is none', async () => {
    const { contracts, calls, advance } = setUp();
    advance(5_000);
    for (let count = 0; count < 1_000; count += 1) contracts.onUnroutable(orders);
    advance(300);
    expect(calls.map(({ again }) => again)).toEqual([true]);
    calls[0]?.resolve();
    await settle();
    contracts.onUnroutable(orders);
    advance(300);
    expect(calls).toHaveLength(1);
    advance(1_000);
    contracts.onUnroutable(orders);
    advance(300);
    expect(calls).toHaveLength(2);
  });

  test('a queue is not made again before the broker has told its consumers that it is gone', () => {
    const { contracts, calls, advance } = setUp();
    contracts.onUnroutable(orders);
    advance(299);
    expect(calls).toHaveLength(0);
    advance(1);
    expect(calls).toHaveLength(1);
  });

  test('an unroutable message is no reason to declare: an exchange without an alternate, and any contract in another mode', () => {
    const setup = setUp();
    const { contracts, calls } = setup;
    contracts.onUnroutable(defineExchange('shop', { type: 'topic' }));
    const verifying = setUp('verify');
    verifying.contracts.onUnroutable(orders);
    for (const { advance } of [setup, verifying]) advance(1_000);
    expect([...calls, ...verifying.calls]).toEqual([]);
  });

  test('[topology: off] nothing is waited for', () => {
    expect(setUp('off').contracts.has(orders)).toBe(true);
  });

  test('close() ends what is on its way', async () => {
    const { contracts, calls, timers } = setUp();
    contracts.wait(orders, 'a');
    contracts.onUnroutable(orders);
    const repair = contracts.repair(orders);
    contracts.close();
    expect(timers.size).toBe(0);
    expect(calls.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    calls[1]?.reject(new Error('closed'));
    expect(await repair).toBe(false);
  });
});
