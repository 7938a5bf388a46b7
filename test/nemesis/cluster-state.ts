import type { BrokerNode } from '@surehop/testing';
import { eventually } from '@surehop/testing';
import { deadLetterQueue, liveQueues, orders } from './assignment.ts';
import { operate, operateOn } from './operator.ts';
import type { World } from './world.ts';

interface NodeSeen {
  readonly running: boolean;
  readonly partitions?: readonly string[];
}

interface QueueSeen {
  readonly name: string;
  readonly leader?: string;
  readonly online?: readonly string[];
}

const wholeWithinMs = 60_000;

/** Resolves when every node sees every other one, and every queue its replicas on all of them. */
export async function untilWhole(world: World): Promise<void> {
  await eventually(() => assertWhole(world), wholeWithinMs);
}

export async function leaderOf(world: World): Promise<BrokerNode> {
  const queue = (await operate(world, 'GET', ['queues', world.vhost.name, orders.name])) as QueueSeen;
  const leader = world.broker.nodes.find(({ name }) => name === queue.leader);
  if (leader === undefined) throw new Error(`${orders.name} has no leader`);
  return leader;
}

async function assertWhole(world: World): Promise<void> {
  const { nodes } = world.broker;
  for (const node of nodes) {
    const seen = (await operateOn(node, world, 'GET', ['nodes'], undefined)) as NodeSeen[];
    const together = seen.filter(({ running, partitions = [] }) => running && partitions.length === 0);
    if (together.length < nodes.length) throw new Error(`${node.name} sees ${together.length} nodes`);
  }
  const queues = (await operate(world, 'GET', ['queues', world.vhost.name])) as QueueSeen[];
  const ours = queues.filter(({ name }) => name === deadLetterQueue || liveQueues.includes(name));
  for (const { name, online = [] } of ours) {
    if (online.length < nodes.length) throw new Error(`${name} has ${online.length} replicas`);
  }
}
