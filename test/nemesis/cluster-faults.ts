import type { BrokerNode } from '@surehop/testing';
import { type Heal, type Inject, nodeOf } from './world.ts';

export const nodeKilled: Inject = async (world, planned) => {
  const node = nodeOf(world, planned);
  await node.kill();
  return () => node.start();
};

export const nodeStopped: Inject = async (world, planned) => {
  const node = nodeOf(world, planned);
  await node.stop();
  return () => node.start();
};

export const nodeFrozen: Inject = async (world, planned) => {
  const node = nodeOf(world, planned);
  node.freeze();
  return async () => node.resume();
};

export const majorityLost: Inject = (world, planned) => {
  const survivor = nodeOf(world, planned);
  return killed(world.broker.nodes.filter((node) => node !== survivor));
};

export const powerCut: Inject = ({ broker }) => killed(broker.nodes);

export const memoryAlarm: Inject = async (world, planned) => {
  const node = nodeOf(world, planned);
  await node.ctl(['set_vm_memory_high_watermark', '0.0001']);
  return async () => void (await node.ctl(['set_vm_memory_high_watermark', '0.6']));
};

export const diskAlarm: Inject = async (world, planned) => {
  const node = nodeOf(world, planned);
  await node.ctl(['set_disk_free_limit', '1000GB']);
  return async () => void (await node.ctl(['set_disk_free_limit', '1MB']));
};

/** All at once, and started at once as well: each waits for the others. */
async function killed(nodes: readonly BrokerNode[]): Promise<Heal> {
  await Promise.all(nodes.map((node) => node.kill()));
  return async () => void (await Promise.all(nodes.map((node) => node.start())));
}
