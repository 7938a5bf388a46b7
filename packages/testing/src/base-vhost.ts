import type { Broker } from './broker.ts';
import type { Credentials } from './credentials.ts';
import type { Permissions, QueueInfo, StoredMessage, UniqueOptions, Vhost, VhostUser } from './vhost.ts';

export interface VhostOptions {
  readonly name: string;
  readonly broker: Broker;
  readonly url: (vhost: string, credentials: Credentials, port?: number) => string;
  /** How late a quorum queue's count may be, in milliseconds. */
  readonly countsLagMs: number;
  readonly isUp: () => boolean;
  readonly onClosed: (vhost: Vhost) => void;
}

/** What every virtual host has, whoever made it. */
export abstract class BaseVhost implements Vhost {
  readonly name: string;
  readonly isShared: boolean = false;
  protected readonly options: VhostOptions;
  #closing: Promise<void> | undefined;

  constructor(options: VhostOptions) {
    this.name = options.name;
    this.options = options;
  }

  get host(): string {
    return this.options.broker.host;
  }

  get port(): number {
    return this.options.broker.port;
  }

  get managementUrl(): string {
    return this.options.broker.managementUrl;
  }

  get credentials(): Credentials {
    return this.options.broker.credentials;
  }

  url(port?: number): string {
    return this.options.url(this.name, this.credentials, port);
  }

  unique(name: string, _options?: UniqueOptions): string {
    return name;
  }

  async messageIds(queue: string): Promise<string[]> {
    const messages = await this.get(queue);
    return messages.map(({ properties }) => String(properties.message_id ?? ''));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  abstract messages(queue: string): Promise<number>;
  abstract get(queue: string, count?: number): Promise<StoredMessage[]>;
  abstract queues(): Promise<QueueInfo[]>;
  abstract publish(
    exchange: string,
    routingKey: string,
    payload: string | Uint8Array,
    properties?: Readonly<Record<string, unknown>>,
  ): Promise<boolean>;
  abstract deleteQueue(name: string): Promise<void>;
  abstract deleteExchange(name: string): Promise<void>;
  abstract closeConnections(): Promise<number>;
  abstract setPolicy(name: string, pattern: string, definition: Readonly<Record<string, unknown>>): Promise<void>;
  abstract addUser(name: string, password: string, permissions?: Permissions): Promise<VhostUser>;

  /** Called once. */
  protected abstract remove(): Promise<void>;

  protected userOf(credentials: Credentials): VhostUser {
    return { ...credentials, url: (port?: number) => this.options.url(this.name, credentials, port) };
  }

  async #close(): Promise<void> {
    this.options.onClosed(this);
    if (this.options.isUp()) await this.remove(); // a private node that the test has ended takes it along
  }
}
