import { randomBytes } from 'node:crypto';
import type { StartedTestContainer } from 'testcontainers';
import type { Broker, Capabilities, NodeDefinition } from './broker.ts';
import type { Credentials } from './credentials.ts';
import { ctlError } from './ctl.ts';
import { BrokerError } from './errors.ts';
import { eventually } from './eventually.ts';
import { LiveBroker } from './live-broker.ts';
import { Management } from './management.ts';
import { quickStatistics } from './node-files.ts';
import { advancedConfig, countsLagMs, quickTickMs } from './quorum-tick.ts';
import { Reaper } from './reaper.ts';
import { type Ctl, SharedNode } from './shared-node.ts';

type Testcontainers = typeof import('testcontainers');

const image = 'rabbitmq:4.3-management';
const pullTimeoutMs = 60_000;
const startTimeoutMs = 60_000;
const label = 'surehop.testing';
const credentials: Credentials = { username: 'guest', password: 'guest' };
const can: Capabilities = { kill: false, freeze: false, partition: false, alarm: true, cluster: false, ctl: true };

/**
 * Starts RabbitMQ in a container. Which engine is asked, testcontainers finds out from the process's own environment.
 *
 * @throws {BrokerError} no package, no engine, no image within 60 s, or no start
 */
export async function startContainerBroker(): Promise<Broker> {
  const testcontainers = await load();
  const ports = await portsOfImage(testcontainers);
  const id = randomBytes(4).toString('hex');
  const reaper = new Reaper();
  reaper.add({ kind: 'containers', label: `${label}=${id}` });
  try {
    return await brokerOf(await startContainer(testcontainers, ports, id), id, reaper);
  } catch (cause) {
    await reaper.close();
    throw new BrokerError(`The container of ${image} did not start: ${reasonOf(cause)}`, { cause });
  }
}

async function load(): Promise<Testcontainers> {
  try {
    return await import('testcontainers');
  } catch (cause) {
    throw new BrokerError('The package testcontainers is not installed.', { cause });
  }
}

/**
 * All of them are published, though two are needed: Podman tells of the others as bindings that are yet to come, and
 * testcontainers waits for those.
 */
async function portsOfImage({ getContainerRuntimeClient, ImageName }: Testcontainers): Promise<number[]> {
  const client = await getContainerRuntimeClient().catch((cause: unknown) => {
    throw new BrokerError(`No container engine answers: ${reasonOf(cause)}.`, { cause });
  });
  const name = ImageName.fromString(image);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, pullTimeoutMs);
  });
  try {
    await Promise.race([client.image.pull(name), timeout]);
    if (!(await client.image.exists(name))) throw new Error(`it could not be pulled within ${pullTimeoutMs / 1_000} s`);
    const { ExposedPorts } = (await client.image.inspect(name)).Config;
    return [...new Set([5672, 15672, ...Object.keys(ExposedPorts ?? {}).map((port) => Number.parseInt(port, 10))])];
  } catch (cause) {
    throw new BrokerError(`The engine has no image ${image}: ${reasonOf(cause)}.`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function startContainer(
  { GenericContainer, Wait }: Testcontainers,
  ports: readonly number[],
  id: string,
): Promise<StartedTestContainer> {
  return new GenericContainer(image)
    .withLabels({ [label]: id })
    .withExposedPorts(...ports)
    .withCopyContentToContainer([
      { content: quickStatistics, target: '/etc/rabbitmq/conf.d/90-surehop.conf' },
      { content: advancedConfig(quickTickMs), target: '/etc/rabbitmq/advanced.config' },
    ])
    .withWaitStrategy(Wait.forLogMessage('Server startup complete'))
    .withStartupTimeout(startTimeoutMs)
    .start();
}

async function brokerOf(container: StartedTestContainer, id: string, reaper: Reaper): Promise<Broker> {
  const host = container.getHost();
  const node: NodeDefinition = {
    name: container.getName().replace(/^\//, ''),
    host,
    port: container.getMappedPort(5672),
    managementUrl: `http://${host}:${container.getMappedPort(15672)}`,
  };
  const version = await eventually(() => new Management([node.managementUrl], credentials).version(), startTimeoutMs);
  const definition = {
    version,
    way: 'container',
    description: `RabbitMQ ${version}, a container of ${image}`,
    credentials,
    nodes: [node],
    administration: { by: 'management' },
    prefix: `surehop-${id}-`,
    countsLagMs: countsLagMs(quickTickMs),
  } as const;
  return new LiveBroker({
    definition,
    nodes: [new SharedNode(node, ctlIn(container))],
    can,
    isUp: () => true,
    outlivesClose: false,
    end: () => reaper.close(),
  });
}

function ctlIn(container: StartedTestContainer): Ctl {
  return async (args) => {
    const { exitCode, stdout, output } = await container.exec(['rabbitmqctl', '--quiet', ...args]);
    if (exitCode !== 0) throw ctlError(args, output);
    return stdout;
  };
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
