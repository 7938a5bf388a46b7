import { AmqpAccess } from './amqp-access.ts';
import type { Administration, NodeDefinition } from './broker.ts';
import type { Credentials } from './credentials.ts';
import { findCtl } from './ctl-program.ts';
import { BrokerError } from './errors.ts';
import { Management } from './management.ts';

/** Where `AMQP_URL` leads. */
export interface GivenUrl {
  readonly node: NodeDefinition;
  readonly vhost: string;
  readonly credentials: Credentials;
}

export interface Administered {
  readonly administration: Administration;
  /** RabbitMQ's. */
  readonly version: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Who makes virtual hosts on a broker that was there: the management API, else `rabbitmqctl`, else nobody. Without
 * either, the URL's own virtual host must let itself be used.
 *
 * @throws {BrokerError} not even that, with the reason for each
 */
export async function findAdministration(given: GivenUrl, env: Environment): Promise<Administered> {
  const reasons: string[] = [];
  for (const find of [byManagement, byCtl, byNobody]) {
    try {
      return await find(given, env);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new BrokerError(
    [
      'The broker of AMQP_URL can be used in none of three ways:',
      `  - own virtual hosts by the management API (AMQP_MANAGEMENT_URL says where it is): ${reasons[0]}`,
      `  - own virtual hosts by rabbitmqctl: ${reasons[1]}`,
      `  - unique names in the virtual host of the URL: ${reasons[2]}`,
    ].join('\n'),
  );
}

async function byManagement({ node, credentials }: GivenUrl): Promise<Administered> {
  const management = new Management([node.managementUrl], credentials);
  const { tags } = (await management.call('GET', ['whoami'])) as { tags: string | readonly string[] };
  if (!tags.includes('administrator')) throw new BrokerError('The user of AMQP_URL has not the tag administrator.');
  return { administration: { by: 'management' }, version: await management.version() };
}

async function byCtl(given: GivenUrl, env: Environment): Promise<Administered> {
  await accessTo(given).checkLogin();
  const { program, version } = await findCtl(given.node.host, given.node.port, env);
  return { administration: { by: 'rabbitmqctl', program }, version };
}

async function byNobody(given: GivenUrl): Promise<Administered> {
  const version = await accessTo(given).version();
  return { administration: { by: 'nobody', vhost: given.vhost }, version };
}

function accessTo({ node, vhost, credentials }: GivenUrl): AmqpAccess {
  const { host, port } = node;
  return new AmqpAccess({ host, port, vhost, credentials });
}
