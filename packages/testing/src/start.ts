import type { Broker, BrokerWay, StartBrokerOptions } from './broker.ts';
import { startContainerBroker } from './container-broker.ts';
import { installOnDebian } from './debian.ts';
import { BrokerError, BrokerUnavailableError } from './errors.ts';
import { useGivenBroker } from './given-broker.ts';
import { startPrivateBroker } from './private-broker.ts';
import { findRelease, type Release } from './release.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Log = (line: string) => void;

const allWays: readonly BrokerWay[] = ['url', 'container', 'node'];

/**
 * Gives a running RabbitMQ broker, by the first way that works: the one that `AMQP_URL` names, a container, a private
 * node of an installed `rabbitmq-server`, and on Debian and Ubuntu, with root or a sudo that asks for no password, one
 * of the distribution's package, installed for it. `kind`, or the environment's `SUREHOP_BROKER`, names the only way to
 * try; several nodes, `config` and `plugins` mean private nodes.
 *
 * What it starts is gone after `close()`, and also after the end of this process, however it ends.
 *
 * @throws {BrokerError} an option or a variable makes no sense, or the only way that was to be tried does not work
 * @throws {BrokerUnavailableError} no way works, with the reason for each
 */
export async function startBroker(options: StartBrokerOptions = {}): Promise<Broker> {
  const { env = process.env, log = toStandardError } = options;
  const ways = waysFor(options, env);
  const reasons: string[] = [];
  for (const way of ways) {
    try {
      const broker = await start(way, options, env, log);
      log(broker.description);
      return broker;
    } catch (error) {
      if (!(error instanceof BrokerError) || ways.length === 1) throw error;
      reasons.push(`${way}: ${error.message}`);
      // Whoever set it expects that broker; that there is no container engine is no news.
      if (way === 'url' && env.AMQP_URL) log(`${error.message} Trying the next way.`);
    }
  }
  throw new BrokerUnavailableError(reasons);
}

/** What a caller asks for goes before what the environment says: a test that needs its own node needs it everywhere. */
function waysFor(options: StartBrokerOptions, env: Environment): readonly BrokerWay[] {
  const { nodes = 1, kind } = options;
  if (!Number.isSafeInteger(nodes) || nodes < 1 || nodes > 9) {
    throw new BrokerError(`nodes must be an integer in [1, 9], got ${nodes}.`);
  }
  const needsNode = nodes > 1 || options.config !== undefined || (options.plugins ?? []).length > 0;
  if (needsNode) {
    if (kind === undefined || kind === 'node') return ['node'];
    throw new BrokerError(`nodes, config and plugins need kind 'node', got kind '${kind}'.`);
  }
  if (kind !== undefined) return [kind];
  const named = env.SUREHOP_BROKER;
  if (named === undefined || named === '') return allWays;
  const way = allWays.find((candidate) => candidate === named);
  if (way === undefined) throw new BrokerError(`SUREHOP_BROKER must be url, container or node, got '${named}'.`);
  return [way];
}

function start(way: BrokerWay, options: StartBrokerOptions, env: Environment, log: Log): Promise<Broker> {
  switch (way) {
    case 'url':
      return useGivenBroker(env);
    case 'container':
      return startContainerBroker();
    case 'node':
      return startNodes(options, env, log);
    default:
      return way satisfies never;
  }
}

async function startNodes(options: StartBrokerOptions, env: Environment, log: Log): Promise<Broker> {
  if (process.platform === 'win32')
    throw new BrokerError('Private nodes need Linux or macOS. Use a container or AMQP_URL.');
  const release = await findOrInstall(env.PATH ?? '', log);
  const { nodes = 1, config = '', plugins = [] } = options;
  return startPrivateBroker({ release, nodes, config, plugins, env });
}

async function findOrInstall(path: string, log: Log): Promise<Release> {
  const found = findRelease(path);
  if (found !== undefined) return found;
  try {
    await installOnDebian('rabbitmq-server', log);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BrokerError(`There is no rabbitmq-server on PATH. ${reason}`, { cause });
  }
  const installed = findRelease(path);
  if (installed === undefined) throw new BrokerError('rabbitmq-server was installed, but cannot be found.');
  return installed;
}

function toStandardError(line: string): void {
  process.stderr.write(`${line}\n`);
}
