import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Broker, Capabilities } from './broker.ts';
import type { Credentials } from './credentials.ts';
import { BrokerError } from './errors.ts';
import { eventually } from './eventually.ts';
import { LiveBroker } from './live-broker.ts';
import { Management } from './management.ts';
import { countsLagMs } from './node-files.ts';
import { freePort } from './port.ts';
import { PrivateNode } from './private-node.ts';
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
const joinTimeoutMs = 30_000;
const can: Capabilities = { kill: true, freeze: true, alarm: true, cluster: true, ctl: true };

/** Starts nodes of our own and joins them. What was started is gone again when this rejects. */
export async function startPrivateBroker(options: PrivateBrokerOptions): Promise<Broker> {
  const reaper = new Reaper();
  try {
    const id = randomBytes(4).toString('hex');
    const nodes = await makeNodes(id, reaper, options);
    await Promise.all(nodes.map((node) => node.start()));
    await untilJoined(nodes);
    return await describe(id, nodes, reaper, options);
  } catch (error) {
    await reaper.close();
    throw error;
  }
}

async function makeNodes(id: string, reaper: Reaper, options: PrivateBrokerOptions): Promise<PrivateNode[]> {
  const folder = mkdtempSync(join(tmpdir(), 'surehop-'));
  reaper.add({ kind: 'folder', path: folder });
  const epmd = await freePort();
  reaper.add({ kind: 'epmd', port: epmd });

  const names = Array.from({ length: options.nodes }, (_, index) => `surehop-${id}-${index + 1}@localhost`);
  const cookie = randomBytes(16).toString('hex');
  const config = `${clusterConf(names)}${options.config}`;
  const make = async (name: string): Promise<PrivateNode> => {
    const ports = { amqp: await freePort(), management: await freePort(), distribution: await freePort(), epmd };
    const { release, plugins } = options;
    const path = options.env.PATH ?? '';
    return new PrivateNode({
      release,
      reaper,
      credentials,
      name,
      folder: join(folder, name),
      cookie,
      ports,
      plugins,
      config,
      path,
    });
  };
  return Promise.all(names.map(make));
}

/** The nodes find each other as they start, which is quicker than joining them one after the other. */
function clusterConf(names: readonly string[]): string {
  if (names.length === 1) return '';
  const members = names.map((name, index) => `cluster_formation.classic_config.nodes.${index + 1} = ${name}\n`);
  return `cluster_formation.peer_discovery_backend = classic_config\n${members.join('')}`;
}

/** A node answers before it has found the others. */
async function untilJoined(nodes: readonly PrivateNode[]): Promise<void> {
  await eventually(async () => {
    for (const { name, managementUrl } of nodes) {
      const members = (await new Management([managementUrl], credentials).call('GET', ['nodes'])) as Member[];
      const running = members.filter((member) => member.running).length;
      if (running === nodes.length) continue;
      throw new BrokerError(`${name} sees ${running} of ${nodes.length} nodes of its cluster running.`);
    }
  }, joinTimeoutMs);
}

interface Member {
  readonly running: boolean;
}

async function describe(
  id: string,
  nodes: readonly PrivateNode[],
  reaper: Reaper,
  options: PrivateBrokerOptions,
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
    countsLagMs,
  } as const;
  const isUp = (): boolean => nodes.some((node) => node.isUp);
  return new LiveBroker({ definition, nodes, can, isUp, outlivesClose: false, end: () => reaper.close() });
}
