import type { Credentials } from './credentials.ts';

/** A virtual host of its own: nothing another test does is seen in it. Unless it `isShared`. */
export interface Vhost extends AsyncDisposable {
  readonly name: string;
  /**
   * True where no virtual host could be made, so that this is the one of `AMQP_URL`, with everything that others have in
   * it. Only names from `unique()` keep tests apart then, and what needs an administrator rejects with a `BrokerError`:
   * `queues`, `closeConnections`, `setPolicy`, `addUser`.
   */
  readonly isShared: boolean;
  readonly host: string;
  /** AMQP, without TLS, of the first node. */
  readonly port: number;
  /** Without credentials. */
  readonly managementUrl: string;
  readonly credentials: Credentials;
  /**
   * AMQP URL with credentials and this virtual host.
   * @param port of another node, or of a `FaultProxy` on this machine. Default: the first node's own
   */
  url(port?: number): string;
  /**
   * A name to use for a queue or an exchange. In a virtual host of its own that is the name itself; in a shared one it
   * gets a prefix that nobody else has, and `close()` deletes the queue and the exchange of that name, with all that a
   * contract derives from it. The same name gives the same answer.
   *
   * @throws {BrokerError} the virtual host is shared, and closed
   */
  unique(name: string, options?: UniqueOptions): string;
  /**
   * How many messages the queue holds at this moment, ready and unacknowledged together. On a shared virtual host the
   * ready ones only: nobody but an administrator is told of the others.
   */
  messages(queue: string): Promise<number>;
  /** Ids of the messages that are ready, in order; see `get`. A message without an id gives an empty string. */
  messageIds(queue: string): Promise<string[]>;
  /**
   * Looks at the messages that are ready, in order, and leaves them in the queue. All of them count as redelivered
   * afterwards, and before 4.3 each look at a quorum queue is one more delivery towards its limit.
   * @param count tells no more than so many, from the head. Default: all
   */
  get(queue: string, count?: number): Promise<StoredMessage[]>;
  /** Every queue, by name. */
  queues(): Promise<QueueInfo[]>;
  /**
   * Publishes past the program under test, on a way of its own. Resolves to whether a queue took the message.
   * @param properties as RabbitMQ names them: `message_id`, `content_type`, `headers` …
   */
  publish(
    exchange: string,
    routingKey: string,
    payload: string | Uint8Array,
    properties?: Readonly<Record<string, unknown>>,
  ): Promise<boolean>;
  /** Deletes it with what is in it. Nothing happens when there is none. */
  deleteQueue(name: string): Promise<void>;
  /** Deletes it with its bindings. Nothing happens when there is none. */
  deleteExchange(name: string): Promise<void>;
  /**
   * Closes today's AMQP connections to this virtual host from the broker's side, as an administrator does. Resolves to
   * how many there were, when they are closed; that takes some seconds for one that has just been opened.
   */
  closeConnections(): Promise<number>;
  /** Applies to queues and exchanges whose name matches, in place of an earlier policy of the same name. */
  setPolicy(name: string, pattern: string, definition: Readonly<Record<string, unknown>>): Promise<void>;
  /** Adds a user who may use this virtual host only; removed with it. Permissions are regular expressions. */
  addUser(name: string, password: string, permissions?: Permissions): Promise<VhostUser>;
  /** Deletes the virtual host and its users; of a shared one, what `unique()` has named. Safe to call twice. */
  close(): Promise<void>;
}

export interface UniqueOptions {
  /**
   * Delays of the contract's `retry`, in milliseconds, by which its rungs are known.
   * @default [1_000, 10_000, 60_000, 600_000], as a contract's
   */
  readonly delaysMs?: readonly number[];
}

/** Regular expressions of names. What is left out matches nothing. */
export interface Permissions {
  readonly configure?: string;
  readonly write?: string;
  readonly read?: string;
  /** Comma-separated, for example `management`. @default '' */
  readonly tags?: string;
}

export interface VhostUser extends Credentials {
  /** AMQP URL of the virtual host with this user's credentials. */
  url(port?: number): string;
}

export interface QueueInfo {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface StoredMessage {
  readonly content: Buffer;
  /** As RabbitMQ names them: `message_id`, `content_type`, `delivery_mode` … */
  readonly properties: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
}
