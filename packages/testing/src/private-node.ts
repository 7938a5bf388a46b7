import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { answersAmqp } from './amqp-greeting.ts';
import type { BrokerNode, NodeDefinition, ProgramDefinition } from './broker.ts';
import type { Cluster } from './cluster.ts';
import type { Credentials } from './credentials.ts';
import { runCtl } from './ctl.ts';
import { BrokerError } from './errors.ts';
import { eventually } from './eventually.ts';
import { Management } from './management.ts';
import { environmentOf, type NodePorts } from './node-environment.ts';
import { type NodeFiles, writeNodeFiles } from './node-files.ts';
import { freezeProcess, identify, isRunning, kill, type ProcessIdentity, untilEnded } from './process.ts';
import type { Reaper } from './reaper.ts';
import type { Release } from './release.ts';

const host = '127.0.0.1';

// Long, since it only matters where a node hangs: one that fails to start ends, which is noticed at once.
const startTimeoutMs = 120_000;
const stopTimeoutMs = 60_000;
const reconnectTimeoutMs = 60_000;

export interface PrivateNodeOptions {
  readonly release: Release;
  readonly reaper: Reaper;
  readonly cluster: Cluster;
  readonly credentials: Credentials;
  readonly name: string;
  readonly folder: string;
  readonly cookie: string;
  readonly ports: NodePorts;
  readonly plugins: readonly string[];
  readonly config: string;
  readonly quorumTickMs: number;
  /** Where the programs look for other programs. */
  readonly path: string;
}

/**
 * A `rabbitmq-server` process of our own. All it reads and writes lies in one folder, it listens on 127.0.0.1 only,
 * and signals go to its pid, never to a name.
 */
export class PrivateNode implements BrokerNode {
  readonly name: string;
  readonly host: string = host;
  readonly port: number;
  readonly managementUrl: string;

  readonly #options: PrivateNodeOptions;
  readonly #files: NodeFiles;
  readonly #env: Readonly<Record<string, string>>;
  readonly #management: Management;
  #process: ProcessIdentity | undefined;
  #frozen = false;

  constructor(options: PrivateNodeOptions) {
    const { ports } = options;
    this.#options = options;
    this.name = options.name;
    this.port = ports.amqp;
    this.managementUrl = `http://${host}:${ports.management}`;
    this.#files = writeNodeFiles({ ...options, port: ports.amqp, managementPort: ports.management });
    this.#env = environmentOf({ ...options, files: this.#files, isMapped: options.cluster.isMapped });
    this.#management = new Management([this.managementUrl], options.credentials);
  }

  /** Whether it can be expected to answer. */
  get isUp(): boolean {
    return this.#process !== undefined && !this.#frozen && isRunning(this.#process);
  }

  async start(): Promise<void> {
    if (this.#process !== undefined && isRunning(this.#process)) return;
    const started = this.#spawn();
    const ready = await eventually(() => this.#isReady(started), startTimeoutMs);
    if (!ready) throw this.#failure('ended while it started');
    this.#process = this.#fromPidFile() ?? started;
    if (this.#process.pid !== started.pid) this.#options.reaper.add({ kind: 'process', identity: this.#process });
  }

  async stop(): Promise<void> {
    this.resume();
    await this.#end('SIGTERM', stopTimeoutMs);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL', 5_000);
    this.#frozen = false;
  }

  freeze(): void {
    freezeProcess(this.#running());
    this.#frozen = true;
  }

  resume(): void {
    if (this.#process !== undefined) kill(this.#process, 'SIGCONT');
    this.#frozen = false;
  }

  async isolate(): Promise<void> {
    this.#options.cluster.isolate(this.name);
  }

  async rejoin(): Promise<void> {
    const { cluster } = this.#options;
    cluster.rejoin(this.name);
    const isParted = await eventually(() => cluster.isParted(), reconnectTimeoutMs);
    if (isParted && (await this.#leavesPartsAlone())) {
      await this.ctl(['stop_app']);
      await this.ctl(['start_app']);
    }
    await cluster.untilWhole();
  }

  ctl(args: readonly string[]): Promise<string> {
    return runCtl(this.#ctl, args);
  }

  definition(): NodeDefinition {
    const { name, port, managementUrl } = this;
    return { name, host, port, managementUrl, ctl: this.#ctl };
  }

  get #ctl(): ProgramDefinition {
    return { path: this.#options.release.ctl, env: this.#env };
  }

  #spawn(): ProcessIdentity {
    const output = openSync(this.#files.output, 'a');
    try {
      // A group of its own, so that Ctrl-C in a terminal does not reach it before the tests have ended.
      const child = spawn(this.#options.release.server, [], {
        cwd: this.#options.folder,
        env: this.#env,
        detached: true,
        stdio: ['ignore', output, output],
      });
      child.on('error', () => {}); // no pid then, or no identity: both are told below
      child.unref();
      const identity = child.pid === undefined ? undefined : identify(child.pid);
      if (identity === undefined) throw this.#failure('could not be started');
      this.#process = identity;
      this.#options.reaper.add({ kind: 'process', identity });
      return identity;
    } finally {
      closeSync(output);
    }
  }

  /** False when it never will be. @throws {BrokerError} not yet */
  async #isReady(started: ProcessIdentity): Promise<boolean> {
    if (!isRunning(started)) return false;
    if (!(await answersAmqp(host, this.port))) throw this.#failure(`does not answer AMQP on port ${this.port}`);
    await this.#management.version(2_000);
    return true;
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL', timeoutMs: number): Promise<void> {
    if (this.#process === undefined) return;
    kill(this.#process, signal);
    await untilEnded(this.#process, timeoutMs);
    this.#process = undefined;
  }

  /** Whether somebody has to restart one side of a partition, as is RabbitMQ's default where Mnesia is used. */
  async #leavesPartsAlone(): Promise<boolean> {
    const handling = await this.ctl(['eval', 'application:get_env(rabbit, cluster_partition_handling).']);
    return /\bignore\b/.test(handling);
  }

  #running(): ProcessIdentity {
    if (this.#process !== undefined) return this.#process;
    throw new BrokerError(`Node ${this.name} does not run. Start it first.`);
  }

  #fromPidFile(): ProcessIdentity | undefined {
    try {
      return identify(Number(readFileSync(this.#files.pid, 'utf8')));
    } catch {
      return undefined;
    }
  }

  #failure(what: string): BrokerError {
    const said = readFileSync(this.#files.output, 'utf8').trimEnd().split('\n');
    const errors = said.filter((line) => /\[error\] \S+ +\S/.test(line));
    const telling = errors.length > 0 ? errors.slice(0, 12) : said.slice(-12);
    return new BrokerError(
      [`${this.#options.release.server} (${this.name}) ${what}. It said:`, ...telling].join('\n  '),
    );
  }
}
