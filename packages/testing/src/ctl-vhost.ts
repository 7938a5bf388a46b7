import type { AmqpAccess } from './amqp-access.ts';
import { BaseVhost, type VhostOptions } from './base-vhost.ts';
import type { ProgramDefinition } from './broker.ts';
import { deleteByCtl, listByCtl, runCtl } from './ctl.ts';
import { BrokerError } from './errors.ts';
import { eventually } from './eventually.ts';
import { exactCount, type QueueCount } from './queue-count.ts';
import type { Permissions, QueueInfo, StoredMessage, VhostUser } from './vhost.ts';

// What a test chooses stands behind `--`, for it may begin with a hyphen.

/** A virtual host that is made and deleted by `rabbitmqctl`; its messages are looked at over AMQP. */
export class CtlVhost extends BaseVhost {
  readonly #program: ProgramDefinition;
  readonly #amqp: AmqpAccess;
  readonly #users: string[] = [];

  static async create(options: VhostOptions, program: ProgramDefinition, amqp: AmqpAccess): Promise<CtlVhost> {
    const { name, broker } = options;
    await runCtl(program, ['add_vhost', name, '--description', 'made by @surehop/testing']);
    const vhost = new CtlVhost(options, program, amqp);
    try {
      await vhost.#permit(broker.credentials.username, { configure: '.*', write: '.*', read: '.*' });
    } catch (error) {
      await vhost.remove();
      throw error;
    }
    return vhost;
  }

  private constructor(options: VhostOptions, program: ProgramDefinition, amqp: AmqpAccess) {
    super(options);
    this.#program = program;
    this.#amqp = amqp;
  }

  messages(queue: string): Promise<number> {
    return exactCount(queue, () => this.#list<QueueCount>('name', 'type', 'messages'), this.options.countsLagMs);
  }

  get(queue: string, count: number = Number.POSITIVE_INFINITY): Promise<StoredMessage[]> {
    return this.#amqp.get(queue, count);
  }

  async queues(): Promise<QueueInfo[]> {
    const found = await this.#list<ListedQueue>('name', 'type', 'durable', 'arguments');
    return found
      .map((queue) => ({ ...queue, arguments: tableOf(queue.arguments) }))
      .sort((a, b) => a.name.localeCompare(b.name, 'en'));
  }

  publish(
    exchange: string,
    routingKey: string,
    payload: string | Uint8Array,
    properties: Readonly<Record<string, unknown>> = {},
  ): Promise<boolean> {
    return this.#amqp.publish(exchange, routingKey, payload, properties);
  }

  deleteQueue(name: string): Promise<void> {
    return this.#amqp.deleteQueue(name);
  }

  deleteExchange(name: string): Promise<void> {
    return this.#amqp.deleteExchange(name);
  }

  async closeConnections(): Promise<number> {
    const names = await this.#connections();
    if (names.length === 0) return 0;
    await runCtl(this.#program, ['close_all_connections', '--vhost', this.name, 'closed by a test']);
    await eventually(async () => {
      const left = (await this.#connections()).filter((name) => names.includes(name));
      if (left.length > 0) throw new BrokerError(`The broker did not close its connections ${left.join(', ')}.`);
    }, 15_000);
    return names.length;
  }

  async setPolicy(name: string, pattern: string, definition: Readonly<Record<string, unknown>>): Promise<void> {
    await runCtl(this.#program, ['set_policy', '-p', this.name, '--', name, pattern, JSON.stringify(definition)]);
  }

  async addUser(name: string, password: string, permissions: Permissions = {}): Promise<VhostUser> {
    // Users belong to the broker, not to a virtual host: two tests may each want a `reader`.
    const username = `${this.name}-${name}`;
    this.#users.push(username);
    // Not from standard input, which rabbitmqctl cannot read on every Erlang since 26.
    await runCtl(this.#program, ['add_user', '--', username, password]);
    const tags = (permissions.tags ?? '').split(',').filter((tag) => tag !== '');
    if (tags.length > 0) await runCtl(this.#program, ['set_user_tags', username, ...tags]);
    await this.#permit(username, permissions);
    return this.userOf({ username, password });
  }

  protected async remove(): Promise<void> {
    const users = this.#users.map((username) => deleteByCtl(this.#program, 'user', username));
    await Promise.all([deleteByCtl(this.#program, 'vhost', this.name), ...users]);
  }

  async #permit(username: string, { configure = '', write = '', read = '' }: Permissions): Promise<void> {
    await runCtl(this.#program, ['set_permissions', '-p', this.name, '--', username, configure, write, read]);
  }

  #list<Queue>(...columns: readonly string[]): Promise<Queue[]> {
    return listByCtl<Queue>(this.#program, ['list_queues', '-p', this.name, ...columns]);
  }

  async #connections(): Promise<string[]> {
    const command = ['list_connections', 'name', 'vhost'];
    const found = await listByCtl<{ name: string; vhost: string }>(this.#program, command);
    return found.filter(({ vhost }) => vhost === this.name).map(({ name }) => name);
  }
}

/** A table as `rabbitmqctl` writes it: each entry with its name, its AMQP type and its value. */
type ListedTable = readonly (readonly [name: string, type: string, value: unknown])[];

interface ListedQueue extends Omit<QueueInfo, 'arguments'> {
  readonly arguments: ListedTable | Readonly<Record<string, unknown>>;
}

function tableOf(listed: ListedQueue['arguments']): Record<string, unknown> {
  if (!Array.isArray(listed)) return { ...(listed as Readonly<Record<string, unknown>>) };
  return Object.fromEntries((listed as ListedTable).map(([name, type, value]) => [name, plainValue(type, value)]));
}

function plainValue(type: string, value: unknown): unknown {
  if (type === 'table') return tableOf(value as ListedTable);
  if (type !== 'array') return value;
  return (value as readonly (readonly [type: string, value: unknown])[]).map(([inner, one]) => plainValue(inner, one));
}
