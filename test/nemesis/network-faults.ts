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
  disturbed(workerOf(world, planned).proxies, (proxy) => proxy.blackhole());

export const blackHoleToBroker: Inject = async (world, planned) =>
  disturbed(workerOf(world, planned).proxies, (proxy) => proxy.swallow('to-broker'));

export const blackHoleToClient: Inject = async (world, planned) =>
  disturbed(workerOf(world, planned).proxies, (proxy) => proxy.swallow('to-client'));

export const nodeUnreachable: Inject = async ({ workers }, { target }) =>
  disturbed(
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
