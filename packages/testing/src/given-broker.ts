import { randomBytes } from 'node:crypto';
import { answersAmqp } from './amqp-greeting.ts';
import type { Administration, Broker, BrokerDefinition } from './broker.ts';
import { BrokerError } from './errors.ts';
import { findAdministration, type GivenUrl } from './given-administration.ts';
import type { Leftover } from './leftover.ts';
import { LiveBroker } from './live-broker.ts';
import { Reaper } from './reaper.ts';
import { SharedNode } from './shared-node.ts';

type Environment = Readonly<Record<string, string | undefined>>;

// A broker that was there keeps RabbitMQ's own interval of 5 s.
const countsLagMs = 5_500;

/**
 * Uses the broker that `AMQP_URL` names, with virtual hosts of its own where that is allowed, else with unique names.
 * Nothing is touched but what is made here.
 *
 * @throws {BrokerError} it cannot be used, with what is missing
 */
export async function useGivenBroker(env: Environment): Promise<Broker> {
  const given = givenBy(parse(env.AMQP_URL ?? ''), env.AMQP_MANAGEMENT_URL);
  const { node, credentials } = given;
  const where = `${node.host}:${node.port}`;
  if (!(await answersAmqp(node.host, node.port, 5_000))) {
    throw new BrokerError(`Nothing answers AMQP at ${where}, where AMQP_URL leads. Is it running?`);
  }
  const { version, administration } = await findAdministration(given, env);
  return brokerOf({
    version,
    way: 'url',
    description: `RabbitMQ ${version} at ${where}, from AMQP_URL, ${described(administration)}`,
    credentials,
    nodes: [node],
    administration,
    prefix: `surehop-${randomBytes(4).toString('hex')}-`,
    countsLagMs,
  });
}

function described(administration: Administration): string {
  switch (administration.by) {
    case 'management':
      return 'with own virtual hosts by the management API';
    case 'rabbitmqctl':
      return 'with own virtual hosts by rabbitmqctl';
    case 'nobody':
      return `with unique names in its virtual host "${administration.vhost}"`;
    default:
      return administration satisfies never;
  }
}

function brokerOf(definition: BrokerDefinition): Broker {
  const leftover = leftoverOf(definition);
  const reaper = leftover && new Reaper();
  if (leftover !== undefined) reaper?.add(leftover);
  return new LiveBroker({
    definition,
    nodes: definition.nodes.map((node) => new SharedNode(node)),
    can: { kill: false, freeze: false, partition: false, alarm: false, cluster: false, ctl: false },
    isUp: () => true,
    outlivesClose: true,
    end: async () => reaper?.close(),
  });
}

/** By prefix, so that what other processes have made through `attachBroker` goes too. */
function leftoverOf(definition: BrokerDefinition): Leftover | undefined {
  const { administration, credentials, prefix, nodes } = definition;
  switch (administration.by) {
    case 'management':
      return { kind: 'vhosts', managementUrls: nodes.map((node) => node.managementUrl), credentials, prefix };
    case 'rabbitmqctl':
      return { kind: 'vhosts by rabbitmqctl', program: administration.program, prefix };
    case 'nobody':
      return undefined;
    default:
      return administration satisfies never;
  }
}

function parse(text: string): URL {
  if (text === '') throw new BrokerError('AMQP_URL is not set.');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'amqp:') return url;
  if (url?.protocol === 'amqps:') {
    throw new BrokerError('AMQP_URL begins with amqps:, which tests do not use. Give an amqp: URL of the same broker.');
  }
  throw new BrokerError('AMQP_URL is not an amqp: URL. Write it like amqp://guest:guest@localhost:5672.');
}

function givenBy(url: URL, managementUrl: string | undefined): GivenUrl {
  const host = url.hostname || 'localhost';
  const port = url.port === '' ? 5672 : Number(url.port);
  return {
    node: {
      name: `${host}:${port}`,
      host: host.replace(/^\[|\]$/g, ''),
      port,
      managementUrl: (managementUrl ?? `http://${host}:15672`).replace(/\/+$/, ''),
    },
    vhost: decodeURIComponent(url.pathname.slice(1)) || '/',
    credentials: {
      username: decodeURIComponent(url.username) || 'guest',
      password: decodeURIComponent(url.password) || 'guest',
    },
  };
}
