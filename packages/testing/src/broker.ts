import type { Credentials } from './credentials.ts';
import type { Vhost } from './vhost.ts';

/** How a broker came to be: one that was there (`AMQP_URL`), a container, or a private `rabbitmq-server` process. */
export type BrokerWay = 'url' | 'container' | 'node';

/** What a broker lets a test do. A test that needs more starts a private node: `startBroker({ kind: 'node' })`. */
export interface Capabilities {
  /** `node.stop()`, `node.kill()` and `node.start()`. */
  readonly kill: boolean;
  /** `node.freeze()` and `node.resume()`. */
  readonly freeze: boolean;
  /** `node.isolate()` and `node.rejoin()`: private nodes, and more than one. */
  readonly partition: boolean;
  /** A memory or disk alarm may be raised through `ctl`, for nobody else uses this broker. */
  readonly alarm: boolean;
  /** More than one node. */
  readonly cluster: boolean;
  /** `node.ctl()`. */
  readonly ctl: boolean;
}

export interface StartBrokerOptions {
  /**
   * How many nodes, joined into one cluster. More than one means private nodes.
   * @default 1
   */
  nodes?: number;
  /**
   * The only way to try.
   * @default the environment's `SUREHOP_BROKER`, else every way in order: url, container, node
   */
  kind?: BrokerWay;
  /**
   * Read instead of the process's environment: `AMQP_URL`, `AMQP_MANAGEMENT_URL`, `SUREHOP_BROKER`, `PATH`.
   * @default process.env
   */
  env?: Readonly<Record<string, string | undefined>>;
  /** More lines of rabbitmq.conf, for example `listeners.ssl.default`. Means a private node. */
  config?: string;
  /** More plugins than `rabbitmq_management`, by their full names. Means a private node. */
  plugins?: readonly string[];
  /**
   * Gets one line per step worth telling: which broker was taken, and that a package is being installed.
   * @default writes to standard error
   */
  log?: (line: string) => void;
}

/** One RabbitMQ node. What `Broker.can` rules out rejects with a `BrokerError` that says what to do instead. */
export interface BrokerNode {
  /** The node's own name, for example `surehop-1f0c-1@localhost`. */
  readonly name: string;
  readonly host: string;
  /** AMQP, without TLS. */
  readonly port: number;
  /** Without credentials, for example `http://127.0.0.1:15672`. On the broker of `AMQP_URL`, none need answer there. */
  readonly managementUrl: string;
  /** Shuts the node down in order, as a deployment does. Resolves when its process has ended. */
  stop(): Promise<void>;
  /** Starts it again, with its data, on the same ports. Resolves when it answers AMQP. A node that runs stays as it is. */
  start(): Promise<void>;
  /** Ends the process with SIGKILL, as a power cut does. Resolves when it has ended. */
  kill(): Promise<void>;
  /** Stops the process with SIGSTOP: sockets stay open and nothing answers. */
  freeze(): void;
  /** Lets a frozen process go on. */
  resume(): void;
  /**
   * Parts the node from the other nodes, both ways: what connects them is reset, and refused from then on. Clients still
   * reach it, as far as it lets them: with `cluster_partition_handling = pause_minority` it closes its ports itself.
   */
  isolate(): Promise<void>;
  /**
   * Ends `isolate()`. Resolves when all nodes that run work together again. Where the cluster uses Mnesia (before 4.2 by
   * default) and is left with RabbitMQ's default, `cluster_partition_handling = ignore`, both sides stay apart until an
   * operator restarts one of them: then this node is restarted, without its process (`stop_app`, `start_app`).
   */
  rejoin(): Promise<void>;
  /** Runs `rabbitmqctl` against this node (0.5 to 3 s) and returns what it wrote to standard output. */
  ctl(args: readonly string[]): Promise<string>;
}

/** A running broker. Closing it ends what was started for it, and nothing else. */
export interface Broker extends AsyncDisposable {
  /** RabbitMQ's version, for example `4.3.6`. */
  readonly version: string;
  readonly way: BrokerWay;
  /** One line for people, for example `RabbitMQ 4.3.6, a private node of /usr/sbin/rabbitmq-server`. */
  readonly description: string;
  readonly can: Capabilities;
  readonly nodes: readonly BrokerNode[];
  /** Of the first node: `FaultProxy.start(broker)` puts a proxy in front of it. */
  readonly host: string;
  /** Of the first node: AMQP, without TLS. */
  readonly port: number;
  /** Of the first node, without credentials. */
  readonly managementUrl: string;
  /** For AMQP, and of an administrator for the management API, unless that of `AMQP_URL` is none. */
  readonly credentials: Credentials;
  /**
   * AMQP URL with credentials, for the default virtual host, or for that of `AMQP_URL` where no other can be made.
   * @param port of another node, or of a `FaultProxy` on this machine. Default: the first node's own
   */
  url(port?: number): string;
  /**
   * A new, empty virtual host, deleted with everything in it when it is closed, and when the broker is. Where none can
   * be made, that of `AMQP_URL`, which is shared with others (`isShared`): ask it for names with `unique()`.
   */
  vhost(): Promise<Vhost>;
  /** All that another process needs to use this broker with `attachBroker`; survives JSON. Carries credentials. */
  definition(): BrokerDefinition;
  /** Ends the broker: private nodes and containers are removed with their data. Safe to call twice. */
  close(): Promise<void>;
}

/** Where one node is, and how `rabbitmqctl` reaches it, where it does. */
export interface NodeDefinition {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly managementUrl: string;
  readonly ctl?: ProgramDefinition;
}

/** A program with the only environment it is to see. */
export interface ProgramDefinition {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  /**
   * True for a script that hands its arguments on to a shell, between double quotes.
   * @default false
   */
  readonly reparsesArguments?: boolean;
}

/** Who makes the virtual hosts of a broker and answers what AMQP does not. */
export type Administration =
  | { readonly by: 'management' }
  | { readonly by: 'rabbitmqctl'; readonly program: ProgramDefinition }
  /** No virtual host can be made: everything is in this one, told apart by names. */
  | { readonly by: 'nobody'; readonly vhost: string };

/** A broker as plain data. Made by `Broker.definition()`; hand it on as it is. */
export interface BrokerDefinition {
  readonly version: string;
  readonly way: BrokerWay;
  readonly description: string;
  readonly credentials: Credentials;
  readonly nodes: readonly NodeDefinition[];
  readonly administration: Administration;
  /** What the names of its virtual hosts begin with; whoever started the broker removes those that are left. */
  readonly prefix: string;
  /** How long a quorum queue may take to tell its length, in milliseconds. */
  readonly countsLagMs: number;
}
