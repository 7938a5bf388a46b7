import type { BrokerNode } from '@surehop/testing';
import { leaderOf, untilWhole } from './cluster-state.ts';
import { type Heal, type Inject, nodeOf, type World } from './world.ts';

export const nodeKilled: Inject = (world, planned) => killed(world, [nodeOf(world, planned)]);

export const leaderKilled: Inject = async (world) => killed(world, [await leaderOf(world)]);

export const nodeStopped: Inject = async (world, planned) => {
  const node = nodeOf(world, planned);
  await node.stop();
  return started(world, [node]);
};

export const nodeFrozen: Inject = async (world, planned) => {
  const node = nodeOf(world, planned);
  node.freeze();
  return async () => {
    node.resume();
    await untilWhole(world);
  };
};

export const nodeIsolated: Inject = async (world, planned) => {
  const node = nodeOf(world, planned);
  await node.isolate();
  return async () => {
    await node.rejoin();
    await untilWhole(world);
  };
};

export const majorityLost: Inject = (world, planned) => {
  const survivor = nodeOf(world, planned);
  const others = world.broker.nodes.filter((node) => node !== survivor);
  return killed(world, others);
};

export const powerCut: Inject = (world) => killed(world, world.broker.nodes);

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

/** All at once. */
async function killed(world: World, nodes: readonly BrokerNode[]): Promise<Heal> {
  await Promise.all(nodes.map((node) => node.kill()));
  return started(world, nodes);
}

/** At once as well: each waits for the others. */
function started(world: World, nodes: readonly BrokerNode[]): Heal {
  return async () => {
    await Promise.all(nodes.map((node) => node.start()));
    await untilWhole(world);
  };
}
