import assert from 'node:assert/strict';
import { type BrokerNode, eventually, type Vhost } from '@surehop/testing';
import { connect } from 'amqplib';
import { operate, operateOn } from '../nemesis/operator.ts';
import type { Stage } from './stage.ts';

interface NodeSeen {
  readonly running: boolean;
  readonly partitions?: readonly string[];
}

interface QueueSeen {
  readonly name: string;
  readonly type: string;
  readonly leader?: string;
  readonly members?: readonly string[];
  readonly online?: readonly string[];
}

/** URLs of all nodes: this one first, since clients begin with the first, then the others in order. */
export function urlsFrom({ broker, vhost }: Stage, first: number): string[] {
  const { nodes } = broker;
  return nodes.map((_, index) => vhost.url(nodes[(first + index) % nodes.length]?.port));
}

/** @param host as `health()` names it */
export function nodeAt({ broker }: Stage, host: string | undefined): BrokerNode {
  const node = broker.nodes.find(({ port }) => host?.endsWith(`:${port}`));
  assert.ok(node, `there is no node at ${host}`);
  return node;
}

export async function leaderOf({ broker, vhost }: Stage, queue: string): Promise<BrokerNode> {
  const { leader } = (await queuesOf({ broker, vhost })).find(({ name }) => name === queue) ?? {};
  const node = broker.nodes.find(({ name }) => name === leader);
  assert.ok(node, `the leader of ${queue} is ${leader}`);
  return node;
}

/** Resolves when its node opens channels: before that, one that starts takes connections and refuses the virtual host. */
export async function opensChannels(vhost: Vhost): Promise<void> {
  await eventually(async () => {
    const connection = await connect(vhost.url(), { timeout: 5_000 });
    connection.on('error', () => undefined); // what is asked next rejects
    try {
      await connection.createChannel();
    } finally {
      await connection.close().catch(() => undefined);
    }
  }, 90_000);
}

/** Until the nodes are one cluster, and each may be taken away: what an operator asks before going on to the next one. */
export async function untilInSync({ broker, vhost }: Stage): Promise<void> {
  const { nodes } = broker;
  await eventually(async () => {
    for (const node of nodes) {
      const seen = (await operateOn(node, { broker }, 'GET', ['nodes'], undefined)) as NodeSeen[];
      const together = seen.filter(({ running, partitions = [] }) => running && partitions.length === 0);
      assert.equal(together.length, nodes.length, `${node.name} sees ${together.length} nodes`);
      // Answers 503, which rejects, where a queue would lose its majority with this node.
      await operateOn(node, { broker }, 'GET', ['health', 'checks', 'node-is-quorum-critical'], undefined);
    }
    for (const { name, type, members = [], online = [] } of await queuesOf({ broker, vhost })) {
      if (type === 'quorum') assert.equal(online.length, members.length, `${name} has ${online.length} replicas`);
    }
  }, 60_000);
}

/** As they are, not as statistics have it: those of a node that was cut off go on telling what it saw then. */
async function queuesOf({ broker, vhost }: Pick<Stage, 'broker' | 'vhost'>): Promise<QueueSeen[]> {
  const query = 'disable_stats=true&enable_queue_totals=true';
  return (await operate({ broker }, 'GET', ['queues', vhost.name], undefined, query)) as QueueSeen[];
}
