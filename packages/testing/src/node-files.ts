import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { advancedConfig } from './quorum-tick.ts';

export interface NodeFilesOptions {
  /** The node's own folder; made here. */
  readonly folder: string;
  readonly cookie: string;
  readonly port: number;
  readonly managementPort: number;
  readonly plugins: readonly string[];
  readonly quorumTickMs: number;
  /** More lines of rabbitmq.conf; the last line for a key wins. */
  readonly config: string;
}

/** Paths of what a node reads and writes. Nothing of it lies outside its folder. */
export interface NodeFiles {
  readonly home: string;
  readonly config: string;
  readonly moreConfig: string;
  readonly advancedConfig: string;
  readonly environment: string;
  readonly plugins: string;
  readonly data: string;
  readonly logs: string;
  readonly pid: string;
  /** Standard output and error of the process. */
  readonly output: string;
}

/** Writes what a node reads at its start. */
export function writeNodeFiles(options: NodeFilesOptions): NodeFiles {
  const { folder } = options;
  const files: NodeFiles = {
    home: join(folder, 'home'),
    config: join(folder, 'rabbitmq.conf'),
    moreConfig: join(folder, 'conf.d', '*.conf'),
    advancedConfig: join(folder, 'advanced.config'),
    environment: join(folder, 'environment.conf'),
    plugins: join(folder, 'enabled_plugins'),
    data: join(folder, 'data'),
    logs: join(folder, 'logs'),
    pid: join(folder, 'pid'),
    output: join(folder, 'output'),
  };
  for (const path of [folder, files.home, join(folder, 'conf.d'), files.data, files.logs]) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }
  writeFileSync(join(files.home, '.erlang.cookie'), options.cookie, { mode: 0o400 });
  writeFileSync(files.config, rabbitmqConf(options));
  writeFileSync(files.advancedConfig, advancedConfig(options.quorumTickMs));
  writeFileSync(files.environment, environment);
  writeFileSync(files.plugins, `[${['rabbitmq_management', ...options.plugins].join(',')}].\n`);
  return files;
}

/** What the management API shows is up to a second late instead of ten. */
export const quickStatistics: string = `collect_statistics_interval = 1000
management.sample_retention_policies.global.minute = 1
management.sample_retention_policies.basic.minute = 1
management.sample_retention_policies.detailed.minute = 1
`;

function rabbitmqConf({ port, managementPort, config }: NodeFilesOptions): string {
  return `listeners.tcp.local = 127.0.0.1:${port}
management.tcp.ip = 127.0.0.1
management.tcp.port = ${managementPort}
${quickStatistics}# A developer's disk may be nearly full; tests raise alarms on purpose only.
disk_free_limit.absolute = 1MB
log.console = false
${config}
`;
}

// Read by the start script: it then becomes the node, instead of a shell that waits for it, so that its pid is the
// node's from the first moment on.
const environment = `RUNNING_UNDER_SYSTEMD=true
`;
