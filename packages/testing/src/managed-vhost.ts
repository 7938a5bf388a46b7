import { AmqpAccess } from './amqp-access.ts';
import { BaseVhost, type VhostOptions } from './base-vhost.ts';
import { BrokerError } from './errors.ts';
import { eventually } from './eventually.ts';
import type { Management } from './management.ts';
import { exactCount, type QueueCount } from './queue-count.ts';
import type { Permissions, QueueInfo, StoredMessage, VhostUser } from './vhost.ts';

/** A node may take so long to start a virtual host, in milliseconds. */
const startWithinMs = 15_000;

/** A virtual host that is made, looked into and deleted through the management API. */
export class ManagedVhost extends BaseVhost {
  readonly #management: Management;
  readonly #users: string[] = [];

  static async create(options: VhostOptions, management: Management): Promise<ManagedVhost> {
    const { name, broker } = options;
    await management.call('PUT', ['vhosts', name], { description: 'made by @surehop/testing' });
    await management.call('PUT', ['permissions', name, broker.credentials.username], everything);
    await eventually(() => startedEverywhere(management, name), startWithinMs);
    return new ManagedVhost(options, management);
  }

  private constructor(options: VhostOptions, management: Management) {
    super(options);
    this.#management = management;
  }

  messages(queue: string): Promise<number> {
    return exactCount(queue, () => this.#counts(), this.options.countsLagMs);
  }

  async get(queue: string, count: number = Number.POSITIVE_INFINITY): Promise<StoredMessage[]> {
    // Always all of them: of a quorum queue, those that were taken go back behind those that were not. `ack` and not
    // `reject`, which since 4.3 would count as a failed delivery.
    const body = { count: 1_000_000, ackmode: 'ack_requeue_true', encoding: 'base64' };
    const path = ['queues', this.name, queue, 'get'];
    const found = (await this.#management.call('POST', path, body, { timeoutMs: getWithinMs })) as GotMessage[];
    const { name: vhost, host, port, credentials } = this;
    if (found.length > 0) await new AmqpAccess({ host, port, vhost, credentials }).whenBack(queue, found.length);
    return found.slice(0, count).map(storedMessage);
  }

  async queues(): Promise<QueueInfo[]> {
    const found = (await this.#management.call('GET', ['queues', this.name])) as QueueInfo[];
    return found
      .map(({ name, type, durable, arguments: given }) => ({ name, type, durable, arguments: given }))
      .sort((a, b) => a.name.localeCompare(b.name, 'en'));
  }

  async publish(
    exchange: string,
    routingKey: string,
    payload: string | Uint8Array,
    properties: Readonly<Record<string, unknown>> = {},
  ): Promise<boolean> {
    const answer = await this.#management.call(
      'POST',
      ['exchanges', this.name, exchange === '' ? 'amq.default' : exchange, 'publish'],
      {
        properties,
        routing_key: routingKey,
        payload: Buffer.from(payload).toString('base64'),
        payload_encoding: 'base64',
      },
    );
    return (answer as { routed: boolean }).routed;
  }

  deleteQueue(name: string): Promise<void> {
    return this.#management.delete(['queues', this.name, name]);
  }

  deleteExchange(name: string): Promise<void> {
    return this.#management.delete(['exchanges', this.name, name]);
  }

  async closeConnections(): Promise<number> {
    const names = await this.#connections();
    // The list is of this moment, but a single connection is not found before the statistics know it.
    await eventually(async () => {
      await Promise.all(names.map((name) => this.#management.delete(['connections', name])));
      const left = (await this.#connections()).filter((name) => names.includes(name));
      if (left.length > 0) throw new BrokerError(`The broker did not close its connections ${left.join(', ')}.`);
    }, 15_000);
    return names.length;
  }

  async setPolicy(name: string, pattern: string, definition: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#management.call('PUT', ['policies', this.name, name], { pattern, definition });
  }

  async addUser(name: string, password: string, permissions: Permissions = {}): Promise<VhostUser> {
    // Users belong to the broker, not to a virtual host: two tests may each want a `reader`.
    const username = `${this.name}-${name}`;
    const { configure = '', write = '', read = '', tags = '' } = permissions;
    this.#users.push(username);
    await this.#management.call('PUT', ['users', username], { password, tags });
    await this.#management.call('PUT', ['permissions', this.name, username], { configure, write, read });
    return this.userOf({ username, password });
  }

  protected async remove(): Promise<void> {
    await this.#management.delete(['vhosts', this.name]);
    await Promise.all(this.#users.map((username) => this.#management.delete(['users', username])));
  }

  /** By user, since only so the list is not seconds late. */
  async #connections(): Promise<string[]> {
    const users = [this.credentials.username, ...this.#users];
    const lists = await Promise.all(
      users.map((user) => this.#management.call('GET', ['connections', 'username', user])),
    );
    const connections = lists.flat() as { name: string; vhost: string }[];
    return connections.filter(({ vhost }) => vhost === this.name).map(({ name }) => name);
  }

  async #counts(): Promise<QueueCount[]> {
    // Without these two, the answer is from statistics that are seconds late; a single queue is not counted on 3.10.
    const query = { disable_stats: 'true', enable_queue_totals: 'true' };
    return (await this.#management.call('GET', ['queues', this.name], undefined, { query })) as QueueCount[];
  }
}

/** Thousands of messages take a busy node so long. */
const getWithinMs = 25_000;

const everything = { configure: '.*', write: '.*', read: '.*' };

/** As the management API gives it. */
interface GotMessage {
  readonly payload: string;
  readonly properties: Readonly<Record<string, unknown>> | readonly [];
  readonly exchange: string;
  readonly routing_key: string;
  readonly redelivered: boolean;
}

function storedMessage(got: GotMessage): StoredMessage {
  // An empty table comes as an empty list.
  const { headers, ...properties } = (Array.isArray(got.properties) ? {} : got.properties) as Record<string, unknown>;
  return {
    content: Buffer.from(got.payload, 'base64'),
    properties,
    headers: Array.isArray(headers) ? {} : ((headers ?? {}) as Record<string, unknown>),
    exchange: got.exchange,
    routingKey: got.routing_key,
    redelivered: got.redelivered,
  };
}

/**
 * The other nodes of a cluster start a virtual host a moment later, and refuse clients until then. One that is just joining
 * may be told by nobody (3.10): it is told here.
 */
async function startedEverywhere(management: Management, name: string): Promise<void> {
  const { cluster_state: states } = (await management.call('GET', ['vhosts', name])) as VhostInfo;
  const nodes = (await management.call('GET', ['nodes'], undefined, {
    query: { columns: 'name,running' },
  })) as NodeInfo[];
  const waiting = nodes.find((node) => node.running && states[node.name] !== 'running')?.name;
  if (waiting === undefined) return;
  await management.call('POST', ['vhosts', name, 'start', waiting]);
  throw new BrokerError(`Node ${waiting} has not started virtual host "${name}".`);
}

interface NodeInfo {
  readonly name: string;
  readonly running: boolean;
}

interface VhostInfo {
  readonly cluster_state: Readonly<Record<string, string>>;
}
