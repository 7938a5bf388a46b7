import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Broker, Capabilities } from './broker.ts';
import { Cluster, type ClusterMember } from './cluster.ts';
import type { Credentials } from './credentials.ts';
import { runCtl } from './ctl.ts';
import { LiveBroker } from './live-broker.ts';
import { Management } from './management.ts';
import type { NodePorts } from './node-environment.ts';
import { freePort } from './port.ts';
import { PrivateNode } from './private-node.ts';
import { countsLagMs, quorumTickMs } from './quorum-tick.ts';
import { Reaper } from './reaper.ts';
import type { Release } from './release.ts';

export interface PrivateBrokerOptions {
  readonly release: Release;
  readonly nodes: number;
  readonly plugins: readonly string[];
  /** More lines of rabbitmq.conf. */
  readonly config: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const credentials: Credentials = { username: 'guest', password: 'guest' };

/** Starts nodes of our own and joins them. What was started is gone again when this rejects. */
export async function startPrivateBroker(options: PrivateBrokerOptions): Promise<Broker> {
  const id = randomBytes(4).toString('hex');
  const members = await membersOf(id, options.nodes);
  const cluster = new Cluster(members, credentials);
  const reaper = new Reaper();
  const end = async (): Promise<void> => {
    try {
      await reaper.close();
    } finally {
      await cluster.close();
    }
  };
  try {
    // Where the mapper is in this process, no node starts one, even when it outlives us.
    if (!cluster.isMapped) for (const { ports } of members) reaper.add({ kind: 'epmd', port: ports.epmd });
    await cluster.open();
    const tickMs = quorumTickMs(await versionOf(options));
    const nodes = makeNodes(members, cluster, reaper, options, tickMs);
    await Promise.all(nodes.map((node) => node.start()));
    await cluster.untilWhole();
    return await describe(id, nodes, end, options, tickMs);
  } catch (error) {
    await end();
    throw error;
  }
}

/** Asked of `rabbitmqctl`, which needs no node for it, where the release's files do not tell. */
async function versionOf({ release, env }: PrivateBrokerOptions): Promise<string | undefined> {
  if (release.version !== undefined) return release.version;
  const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const told = await runCtl({ path: release.ctl, env: Object.fromEntries(given) }, ['version']).catch(() => undefined);
  return told?.trim();
}

interface Member extends ClusterMember {
  readonly ports: NodePorts;
}

async function membersOf(id: string, count: number): Promise<Member[]> {
  const members: Member[] = [];
  for (let number = 1; number <= count; number += 1) {
    const ports: NodePorts = {
      amqp: await freePort(),
      management: await freePort(),
      distribution: await freePort(),
      epmd: await freePort(),
    };
    const managementUrl = `http://127.0.0.1:${ports.management}`;
    members.push({ name: `surehop-${id}-${number}@localhost`, managementUrl, ports });
  }
  return members;
}

function makeNodes(
  members: readonly Member[],
  cluster: Cluster,
  reaper: Reaper,
  { release, plugins, config, env }: PrivateBrokerOptions,
  tickMs: number,
): PrivateNode[] {
  const folder = mkdtempSync(join(tmpdir(), 'surehop-'));
  reaper.add({ kind: 'folder', path: folder });
  const shared = {
    release,
    reaper,
    cluster,
    credentials,
    plugins,
    cookie: randomBytes(16).toString('hex'),
    config: `${clusterConf(members)}${config}`,
    quorumTickMs: tickMs,
    path: env.PATH ?? '',
  };
  return members.map(({ name, ports }) => new PrivateNode({ ...shared, name, ports, folder: join(folder, name) }));
}

/** The nodes find each other as they start, which is quicker than joining them one after the other. */
function clusterConf(members: readonly Member[]): string {
  if (members.length === 1) return '';
  const lines = members.map(({ name }, index) => `cluster_formation.classic_config.nodes.${index + 1} = ${name}\n`);
  return `cluster_formation.peer_discovery_backend = classic_config\n${lines.join('')}`;
}

async function describe(
  id: string,
  nodes: readonly PrivateNode[],
  end: () => Promise<void>,
  options: PrivateBrokerOptions,
  tickMs: number,
): Promise<Broker> {
  const version = await new Management(
    nodes.map((node) => node.managementUrl),
    credentials,
  ).version();
  const what = nodes.length === 1 ? 'a private node' : `${nodes.length} private nodes`;
  const definition = {
    version,
    way: 'node',
    description: `RabbitMQ ${version}, ${what} of ${options.release.found}`,
    credentials,
    nodes: nodes.map((node) => node.definition()),
    administration: { by: 'management' },
    prefix: `surehop-${id}-`,
    countsLagMs: countsLagMs(tickMs),
  } as const;
  const can: Capabilities = {
    kill: true,
    freeze: true,
    partition: nodes.length > 1,
    alarm: true,
    cluster: true,
    ctl: true,
  };
  const isUp = (): boolean => nodes.some((node) => node.isUp);
  return new LiveBroker({ definition, nodes, can, isUp, outlivesClose: false, end });
}
