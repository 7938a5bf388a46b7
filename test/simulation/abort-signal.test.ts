import { afterEach, expect, test } from 'vitest';
import { lightenSignals } from './abort-signal.ts';
import { planOf } from './plan.ts';
import { World } from './world.ts';

const platform = { AbortController, AbortSignal };

afterEach(() => {
  Object.assign(globalThis, platform);
});

/** What listeners of a signal, and of one that follows it and another, are told. */
function told(): string[] {
  const log: string[] = [];
  const controller = new AbortController();
  const other = new AbortController();
  const either = AbortSignal.any([controller.signal, other.signal]);
  const all = AbortSignal.any([either, other.signal]);
  const note = (name: string) => () =>
    log.push(
      `${name}: ${[controller.signal, either, all].map(({ aborted, reason }) => `${aborted} ${reason}`).join()}`,
    );
  const removed = note('removed');
  either.addEventListener('abort', note('either'), { once: true });
  controller.signal.addEventListener('abort', () => controller.signal.removeEventListener('abort', removed));
  const twice = note('added twice');
  for (const listener of [twice, removed, twice]) controller.signal.addEventListener('abort', listener);
  controller.abort('why');
  controller.abort('again');
  other.abort();
  log.push(String(other.signal.reason), String(AbortSignal.any([controller.signal, other.signal]).reason));
  const over = AbortSignal.abort();
  expect(() => over.throwIfAborted()).toThrow(over.reason);
  return log;
}

test('a light signal tells the same, in the same order, as one of the platform', () => {
  const expected = told();
  lightenSignals();
  expect(AbortController).not.toBe(platform.AbortController);
  expect(told()).toEqual(expected);
  expect(expected).toHaveLength(4);
});

test('runs with light signals are the runs with those of the platform', async () => {
  const outcomes = async () => {
    const all: unknown[] = [];
    for (let seed = 7_000; seed < 7_030; seed += 1) all.push(await new World(planOf(seed)).run());
    return all;
  };
  const expected = await outcomes();
  lightenSignals();
  expect(await outcomes()).toEqual(expected);
}, 30_000);
