import { randomBytes } from 'node:crypto';
import { AmqpAccess } from './amqp-access.ts';
import { amqpUrl } from './amqp-url.ts';
import type { VhostOptions } from './base-vhost.ts';
import type { Broker, BrokerDefinition, BrokerNode, BrokerWay, Capabilities } from './broker.ts';
import type { Credentials } from './credentials.ts';
import { CtlVhost } from './ctl-vhost.ts';
import { ManagedVhost } from './managed-vhost.ts';
import { Management } from './management.ts';
import { SharedVhost } from './shared-vhost.ts';
import type { Vhost } from './vhost.ts';

export interface LiveBrokerOptions {
  readonly definition: BrokerDefinition;
  readonly nodes: readonly BrokerNode[];
  readonly can: Capabilities;
  /** Whether the broker can be expected to answer. Virtual hosts of one that cannot are left to its end. */
  readonly isUp: () => boolean;
  /** Whether the broker outlives `close()`, so that its virtual hosts must be deleted one by one. */
  readonly outlivesClose: boolean;
  /** Ends what was started for the broker. */
  readonly end: () => Promise<void>;
}

/** A broker that runs, whichever way it came to be. */
export class LiveBroker implements Broker {
  readonly nodes: readonly BrokerNode[];
  readonly can: Capabilities;
  readonly #options: LiveBrokerOptions;
  readonly #management: Management;
  readonly #vhosts = new Set<Vhost>();
  #closing: Promise<void> | undefined;

  constructor(options: LiveBrokerOptions) {
    const { definition, nodes, can } = options;
    this.#options = options;
    this.nodes = nodes;
    this.can = can;
    this.#management = new Management(
      nodes.map((node) => node.managementUrl),
      definition.credentials,
    );
  }

  get version(): string {
    return this.#options.definition.version;
  }

  get way(): BrokerWay {
    return this.#options.definition.way;
  }

  get description(): string {
    return this.#options.definition.description;
  }

  get credentials(): Credentials {
    return this.#options.definition.credentials;
  }

  get host(): string {
    return this.#first.host;
  }

  get port(): number {
    return this.#first.port;
  }

  get managementUrl(): string {
    return this.#first.managementUrl;
  }

  url(port?: number): string {
    const { administration } = this.#options.definition;
    return this.#url(administration.by === 'nobody' ? administration.vhost : '/', this.credentials, port);
  }

  async vhost(): Promise<Vhost> {
    const vhost = await this.#openVhost();
    this.#vhosts.add(vhost);
    return vhost;
  }

  definition(): BrokerDefinition {
    return this.#options.definition;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      if (this.#options.outlivesClose) await Promise.all([...this.#vhosts].map((vhost) => vhost.close()));
    } finally {
      await this.#options.end();
    }
  }

  async #openVhost(): Promise<Vhost> {
    const { definition, isUp } = this.#options;
    const { administration, prefix, countsLagMs } = definition;
    const name = `${prefix}${randomBytes(4).toString('hex')}`;
    const options: VhostOptions = {
      name,
      broker: this,
      url: (vhost, credentials, port) => this.#url(vhost, credentials, port),
      countsLagMs,
      isUp,
      onClosed: (vhost) => this.#vhosts.delete(vhost),
    };
    switch (administration.by) {
      case 'management':
        return ManagedVhost.create(options, this.#management);
      case 'rabbitmqctl':
        return CtlVhost.create(options, administration.program, this.#amqp(name));
      case 'nobody': {
        const { vhost } = administration;
        return new SharedVhost({ ...options, name: vhost }, `${name}-`, this.#amqp(vhost));
      }
      default:
        return administration satisfies never;
    }
  }

  #amqp(vhost: string): AmqpAccess {
    const { host, port, credentials } = this;
    return new AmqpAccess({ host, port, credentials, vhost });
  }

  /** A port that is no node's is a proxy's, which listens on this machine wherever the broker is. */
  #url(vhost: string, credentials: Credentials, port: number = this.port): string {
    const host = this.nodes.find((node) => node.port === port)?.host ?? '127.0.0.1';
    return amqpUrl(host, port, credentials, vhost);
  }

  get #first(): BrokerNode {
    const [first] = this.nodes;
    if (first === undefined) throw new Error('bug: a broker without nodes');
    return first;
  }
}
