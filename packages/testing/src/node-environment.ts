import type { NodeFiles } from './node-files.ts';

export interface NodePorts {
  readonly amqp: number;
  readonly management: number;
  /** Between Erlang nodes. */
  readonly distribution: number;
  /** Of the port mapper, which the node shares with nobody. */
  readonly epmd: number;
}

export interface NodeEnvironmentOptions {
  readonly name: string;
  readonly ports: NodePorts;
  readonly files: NodeFiles;
  /** Where the programs look for other programs. */
  readonly path: string;
  /** Whether a port mapper of ours listens, so that Erlang must not start one. */
  readonly isMapped: boolean;
}

const localOnly = '-kernel inet_dist_use_interface {127,0,0,1}';

/**
 * Everything that a node and its `rabbitmqctl` get to know about their surroundings. What the machine has set up for
 * its own node, in variables or in /etc/rabbitmq, is named here so that it does not apply.
 */
export function environmentOf(options: NodeEnvironmentOptions): Readonly<Record<string, string>> {
  const { name, ports, files, path, isMapped } = options;
  return {
    PATH: path,
    LANG: 'C.UTF-8',
    HOME: files.home,
    BROKER_HOME: files.home,
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    // The programs that a node starts run in sessions of their own and outlive it for a moment, and ours may be gone by then.
    ...(isMapped && { ERL_AFLAGS: '-start_epmd false' }),
    ERL_CRASH_DUMP_BYTES: '0',
    RABBITMQ_NODENAME: name,
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: localOnly,
    RABBITMQ_CTL_ERL_ARGS: localOnly,
    RABBITMQ_CONF_ENV_FILE: files.environment,
    RABBITMQ_CONFIG_FILE: files.config,
    RABBITMQ_CONFIG_FILES: files.moreConfig,
    RABBITMQ_ADVANCED_CONFIG_FILE: files.advancedConfig,
    RABBITMQ_ENABLED_PLUGINS_FILE: files.plugins,
    RABBITMQ_MNESIA_BASE: files.data,
    RABBITMQ_LOG_BASE: files.logs,
    RABBITMQ_PID_FILE: files.pid,
  };
}
