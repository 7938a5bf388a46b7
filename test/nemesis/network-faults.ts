import type { FaultProxy } from '@surehop/testing';
import { type Heal, type Inject, workerOf } from './world.ts';

const resetEveryMs = 2_000;
const slowestMs = 600;
const quickestMs = 100;

export const connectionsReset: Inject = async (world, planned) => {
  const { proxies } = workerOf(world, planned);
  const cut = (): void => {
    for (const proxy of proxies) proxy.cut();
  };
  cut();
  const timer = setInterval(cut, resetEveryMs).unref();
  return async () => clearInterval(timer);
};

export const blackHole: Inject = async (world, planned) =>
  swallowed(workerOf(world, planned).proxies, (proxy) => proxy.blackhole());

export const blackHoleToBroker: Inject = async (world, planned) =>
  swallowed(workerOf(world, planned).proxies, (proxy) => proxy.swallow('to-broker'));

export const blackHoleToClient: Inject = async (world, planned) =>
  swallowed(workerOf(world, planned).proxies, (proxy) => proxy.swallow('to-client'));

export const nodeUnreachable: Inject = async ({ workers }, { target }) =>
  swallowed(
    workers.flatMap(({ proxies }) => proxies[target] ?? []),
    (proxy) => proxy.blackhole(),
  );

export const slowNetwork: Inject = async (world, planned) => {
  const delayMs = Math.round(quickestMs + planned.whim * (slowestMs - quickestMs));
  return disturbed(workerOf(world, planned).proxies, (proxy) => proxy.delay(delayMs));
};

function disturbed(proxies: readonly FaultProxy[], disturb: (proxy: FaultProxy) => void): Heal {
  for (const proxy of proxies) disturb(proxy);
  return async () => {
    for (const proxy of proxies) proxy.heal();
  };
}

/**
 * A connection that has lost bytes is reset at the end: TCP repeats them or ends it, and never goes on behind a gap. Where
 * one falls between two frames, the broker numbers what comes behind it as if nothing were missing, and confirms by those
 * numbers what it never got.
 */
function swallowed(proxies: readonly FaultProxy[], swallow: (proxy: FaultProxy) => void): Heal {
  const heal = disturbed(proxies, swallow);
  return async () => {
    for (const proxy of proxies) proxy.cut();
    await heal();
  };
}
