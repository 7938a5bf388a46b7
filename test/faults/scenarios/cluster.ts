import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { type BrokerNode, eventually } from '@surehop/testing';
import { type Bounds, type Figures, within } from '../figures.ts';
import { leaderOf, nodeAt, untilInSync, urlsFrom } from '../nodes.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { Traffic, TrafficOptions } from '../traffic.ts';

/** What an outage of one node may cost while it lasts. */
const oneNodeLess = { publishPauseMs: 10_000, handlePauseMs: 10_000 };

/** A cluster of three nodes, all of which the services know. */
export const clusterScenarios: readonly Scenario[] = [
  {
    name: 'leader-killed',
    situation: 'the node of a cluster that leads the queue is killed (-9), and comes back later',
    needs: ['kill', 'cluster'],
    nodes: 3,
    duplicates: 'possible',
    // Red without: the next host after a loss, `#hostIndex += 1` in `#dial` of packages/core/src/link.ts.
    async run(stage) {
      const traffic = await clustered(stage, { publish: 1, consume: 0 });
      const leader = await leaderOf(stage, traffic.queue);
      assert.equal(nodeAt(stage, traffic.consuming.health().links.consume.host), leader, 'it leads where it was made');
      return onesAway(stage, traffic, leader, () => leader.kill());
    },
  },
  {
    name: 'nodes-restarted-in-turn',
    situation: 'the nodes of a cluster are stopped in order and started again, one after the other',
    needs: ['kill', 'cluster'],
    nodes: 3,
    duplicates: 'possible',
    // Red without: the next host after a loss, `#hostIndex += 1` in `#dial` of packages/core/src/link.ts.
    async run(stage) {
      const traffic = await clustered(stage, { publish: 0, consume: 0 });
      for (const node of stage.broker.nodes.slice(0, stage.isLong ? 3 : 1)) {
        traffic.watch.harmed();
        await node.stop();
        await traffic.flows(1_000);
        await comeBack(node);
        await untilInSync(stage);
        await traffic.recovers();
      }
      return ended(traffic);
    },
  },
  {
    name: 'node-frozen',
    situation:
      'the node of a cluster that the services are connected to freezes (SIGSTOP), and goes on later; on 3.10 the others do nothing until it does, here after 20 s',
    needs: ['freeze', 'cluster'],
    nodes: 3,
    duplicates: 'possible',
    // Red without: leaving a host that confirms nothing, `this.leave` in `#onStalled` of packages/core/src/link.ts.
    async run(stage) {
      const traffic = await clustered(stage, { publish: 0, consume: 0 });
      const { node } = stage;
      const freeze = async (): Promise<void> => node.freeze();
      const resume = async (): Promise<void> => {
        node.resume();
        await node.rejoin();
      };
      // In some runs the first host they go to confirms nothing either: publishing goes on to the next one after 16 s, and
      // consuming after `rpcTimeoutMs` more, 19 s.
      const bounds = { publishPauseMs: 20_000, handlePauseMs: 23_000 };
      if (stage.release !== '3.10') return onesAway(stage, traffic, node, freeze, { bringBack: resume, bounds });
      // The others choose a leader in its place, and yet confirmed nothing in 60 s. Callers wait, and are not told before
      // their deadline.
      const lastsMs = stage.isLong ? 20_000 : 10_000;
      traffic.watch.harmed();
      await freeze();
      try {
        await pause(lastsMs);
      } finally {
        traffic.watch.healed();
        await resume();
      }
      await traffic.recovers();
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, {}, 'no caller is told that a node is away');
      const bound = { publishPauseMs: lastsMs + 1_000, handlePauseMs: lastsMs + 1_000 };
      return within(figures, { ...bound, firstPublishedMs: 10_000, firstHandledMs: 10_000 });
    },
  },
  {
    name: 'node-isolated',
    situation: 'the node of a cluster that the services are connected to is cut off from the others, and rejoins later',
    needs: ['partition'],
    nodes: 3,
    duplicates: 'possible',
    // Red without: leaving a host that confirms nothing, `this.leave` in `#onStalled` of packages/core/src/link.ts.
    // And without: a sign of life from the queue, `watch` in packages/consumer/src/vigil.ts.
    async run(stage) {
      const connect = { managementUrl: managementOf(stage), topologyCheckMs: 1_000 };
      const traffic = await clustered(stage, { publish: 0, consume: 0 }, { connect });
      const { node } = stage;
      return onesAway(stage, traffic, node, () => node.isolate(), { bringBack: () => node.rejoin() });
    },
  },
  {
    name: 'majority-lost',
    situation: 'two of three nodes are killed (-9), and come back later',
    needs: ['kill', 'cluster'],
    nodes: 3,
    duplicates: 'possible',
    // Red without: what was written is never told as not sent, `sending?.written` in packages/publisher/src/dispatcher.ts.
    async run(stage) {
      const deadlineMs = stage.isLong ? 10_000 : 2_000;
      const first = { publish: 0, consume: 0 };
      // Those that are rejected call again, beside the others: after two deadlines more wait than a publisher takes.
      const publisher = { maxUnconfirmed: 200, maxWaiting: 100_000 };
      const traffic = await clustered(stage, first, { deadlineMs, publisher });
      const [, ...others] = stage.broker.nodes;
      try {
        await Promise.all(others.map((node) => node.kill()));
        await pause(500); // what was confirmed just before arrives
        const { resolved } = traffic.watch;
        await pause(2 * deadlineMs + 500);
        assert.equal(traffic.watch.resolved, resolved, 'what no majority has does not resolve');
      } finally {
        // Work goes on before either node says that it has started: all that they take to start is counted.
        traffic.watch.healed();
        await Promise.all(others.map((node) => node.start()));
        for (const node of others) await node.rejoin();
      }
      await traffic.recovers();
      const figures = await traffic.finish();
      await untilInSync(stage);
      const { SUREHOP_PUBLISH_NOT_SENT: notSent = 0, SUREHOP_PUBLISH_UNKNOWN: unknown = 0, ...told } = figures.codes;
      assert.deepEqual(told, {});
      assert.ok(unknown >= 100, 'what was written may be stored: callers are told so at their deadline');
      assert.ok(notSent >= 100, 'what found no room is told as not sent');
      return within(figures, { firstPublishedMs: 30_000, firstHandledMs: 30_000 });
    },
  },
  {
    name: 'queues-under-replicated',
    situation: 'queues are made while a node of a cluster is down, and lose their replicas on it later',
    needs: ['kill', 'cluster', 'ctl'],
    nodes: 3,
    duplicates: 'none',
    // Red without: `noteReplication` in `#checkAll` of packages/core/src/topology-checks.ts.
    async run(stage) {
      await untilInSync(stage);
      const [first, , third] = stage.broker.nodes as [BrokerNode, BrokerNode, BrokerNode];
      await third.stop();
      let traffic: Traffic;
      try {
        const connect = { managementUrl: managementOf(stage), topologyCheckMs: 500 };
        traffic = await clusteredNow(stage, { publish: 0, consume: 0 }, { connect });
        await areUnderReplicated(traffic);
      } finally {
        await comeBack(third);
      }
      // It was given its replicas all the same, and takes them up.
      await traffic.recovers();
      await first.ctl(['eval', `rabbit_quorum_queue:shrink_all('${third.name}').`]);
      await areUnderReplicated(traffic);
      await traffic.flows();
      // What `rabbitmq-queues grow NODE all` does.
      await first.ctl(['eval', `rabbit_quorum_queue:grow('${third.name}', <<".*">>, <<".*">>, all).`]);
      await traffic.recovers();
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, {}, 'no caller is told that a node is away');
      return figures;
    },
  },
];

/** Numbers of the nodes that a service tries first. */
interface FirstNodes {
  readonly publish: number;
  readonly consume: number;
}

/** Traffic with the options that people get, from services that begin with the node of this number. */
async function clustered(stage: Stage, first: FirstNodes, options: TrafficOptions = {}): Promise<Traffic> {
  await untilInSync(stage);
  const traffic = await clusteredNow(stage, first, options);
  // 3.10 can lose the process of a quorum queue that was declared a moment before; after 6 s it never did.
  await traffic.flows(3_000);
  return traffic;
}

/** As `clustered`, on a cluster that may not be whole. */
function clusteredNow(stage: Stage, first: FirstNodes, options: TrafficOptions): Promise<Traffic> {
  return stage.traffic({
    urls: { publish: urlsFrom(stage, first.publish), consume: urlsFrom(stage, first.consume) },
    ...options,
    connect: { heartbeatSeconds: 10, ...options.connect },
  });
}

function managementOf({ node, vhost }: Stage): string {
  const { username, password } = vhost.credentials;
  return node.managementUrl.replace('//', `//${username}:${password}@`);
}

/** Mnesia may take a node that returns at once for one that was cut off: an operator restarts it then. */
async function comeBack(node: BrokerNode): Promise<void> {
  await node.start();
  await node.rejoin();
}

interface Return {
  readonly bringBack?: () => Promise<void>;
  readonly bounds?: Bounds;
}

/** Takes the node away, sees that messages flow without it, and brings it back. */
async function onesAway(
  stage: Stage,
  traffic: Traffic,
  node: BrokerNode,
  takeAway: () => Promise<void>,
  { bringBack = () => comeBack(node), bounds = oneNodeLess }: Return = {},
): Promise<Figures> {
  traffic.watch.harmed();
  try {
    await takeAway();
    await traffic.flows(1_000, 30_000);
  } finally {
    await bringBack();
  }
  await untilInSync(stage);
  // The management API of a node that was cut off can tell for a minute what it saw then.
  await traffic.recovers(90_000);
  return ended(traffic, bounds);
}

async function ended(traffic: Traffic, bounds: Bounds = oneNodeLess): Promise<Figures> {
  // On 4.3 the consumer that has left an isolated node was seen as up when that node was back, with a prefetch of
  // messages; they came back a minute later.
  const figures = await traffic.finish({ timeoutMs: 120_000 });
  assert.deepEqual(figures.codes, {}, 'no caller is told that a node is away');
  return within(figures, bounds);
}

async function areUnderReplicated({ consuming }: Traffic): Promise<void> {
  await eventually(() => {
    const queues = consuming.health().topology.filter(({ entity }) => entity.startsWith('queue '));
    assert.ok(queues.length > 0);
    assert.deepEqual(new Set(queues.map(({ state }) => state)), new Set(['under-replicated']));
    assert.equal(consuming.health().status, 'degraded');
  }, 20_000);
}
