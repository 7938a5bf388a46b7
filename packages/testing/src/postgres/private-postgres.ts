import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, closeSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BrokerError } from '../errors.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../port.ts';
import { identify, isRunning, kill, type ProcessIdentity, untilEnded } from '../process.ts';
import { Reaper } from '../reaper.ts';
import { versionAt } from './administration.ts';
import { LivePostgres, type ServerProcess } from './live-postgres.ts';
import type { Postgres } from './postgres.ts';
import { type ServerPrograms, userForServer } from './server-programs.ts';

const run = promisify(execFile);
const host = '127.0.0.1';
const startTimeoutMs = 60_000;
const stopTimeoutMs = 30_000;

export interface PrivatePostgresOptions {
  readonly programs: ServerPrograms;
  readonly settings: Readonly<Record<string, string>>;
  /** Where the programs look for other programs. */
  readonly path: string;
}

/** Starts a server of our own. What was started is gone again when this rejects. */
export async function startPrivatePostgres(options: PrivatePostgresOptions): Promise<Postgres> {
  const reaper = new Reaper();
  try {
    const folder = mkdtempSync(join(tmpdir(), 'surehop-'));
    reaper.add({ kind: 'folder', path: folder });
    const server = new PrivateServer(options, folder, await freePort(), reaper);
    await server.create();
    await server.start();
    const version = await versionAt(server.url);
    const description = `PostgreSQL ${version}, a private server of ${options.programs.postgres}`;
    const definition = { version, way: 'server', description, url: server.url, prefix: 'surehop_' } as const;
    return new LivePostgres({ definition, server, end: () => reaper.close() });
  } catch (error) {
    await reaper.close();
    throw error;
  }
}

/** All it reads and writes lies in one folder, it listens on 127.0.0.1 only, and signals go to its pid. */
class PrivateServer implements ServerProcess {
  readonly url: string;
  readonly #options: PrivatePostgresOptions;
  readonly #folder: string;
  readonly #port: number;
  readonly #reaper: Reaper;
  readonly #password = randomBytes(8).toString('hex');
  readonly #user = userForServer();
  #process: ProcessIdentity | undefined;

  constructor(options: PrivatePostgresOptions, folder: string, port: number, reaper: Reaper) {
    this.#options = options;
    this.#folder = folder;
    this.#port = port;
    this.#reaper = reaper;
    this.url = `postgresql://surehop:${this.#password}@${host}:${port}/postgres`;
  }

  get isUp(): boolean {
    return this.#process !== undefined && isRunning(this.#process);
  }

  async create(): Promise<void> {
    const passwordFile = join(this.#folder, 'password');
    writeFileSync(passwordFile, this.#password, { mode: 0o600 });
    chmodSync(this.#folder, 0o700);
    if (this.#user !== undefined) {
      for (const path of [this.#folder, passwordFile]) chownSync(path, this.#user.uid, this.#user.gid);
    }
    const given = ['--pgdata', this.#data, '--username=surehop', `--pwfile=${passwordFile}`, '--auth=password'];
    try {
      await run(this.#options.programs.initdb, [...given, '--encoding=UTF8', '--locale=C', '--no-sync'], {
        cwd: this.#folder,
        env: this.#env,
        ...this.#user,
      });
    } catch (cause) {
      const said = `${(cause as { stderr?: string }).stderr ?? ''}`.trim() || String(cause);
      throw new BrokerError(`${this.#options.programs.initdb} failed: ${said}`, { cause });
    }
  }

  async start(): Promise<void> {
    if (this.isUp) return;
    // Children of a server that was killed end by themselves, and keep its memory until then: it is tried again.
    await eventually(async () => {
      const started = this.#spawn();
      const isReady = await eventually(() => this.#isReady(started), startTimeoutMs);
      if (!isReady) throw new BrokerError(`${this.#options.programs.postgres} ended while it started. ${this.#said()}`);
    }, 10_000);
  }

  /** "Fast": connections are ended, and what was committed is on disk. */
  async stop(): Promise<void> {
    await this.#end('SIGINT', stopTimeoutMs);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL', 5_000);
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }

  get #env(): Readonly<Record<string, string>> {
    return { PATH: this.#options.path, LANG: 'C', LC_ALL: 'C', TZ: 'UTC' };
  }

  #spawn(): ProcessIdentity {
    const settings = { fsync: 'off', ...this.#options.settings };
    const more = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const where = ['-D', this.#data, '-h', host, '-p', String(this.#port), '-c', 'unix_socket_directories='];
    const output = openSync(this.#output, 'a');
    try {
      // A group of its own, so that Ctrl-C in a terminal does not reach it before the tests have ended.
      const child = spawn(this.#options.programs.postgres, [...where, ...more], {
        cwd: this.#folder,
        env: this.#env,
        detached: true,
        stdio: ['ignore', output, output],
        ...this.#user,
      });
      child.on('error', () => {}); // no identity then, which is told below
      child.unref();
      const identity = child.pid === undefined ? undefined : identify(child.pid);
      if (identity === undefined) throw new BrokerError(`${this.#options.programs.postgres} could not be started.`);
      this.#process = identity;
      this.#reaper.add({ kind: 'process', identity });
      return identity;
    } finally {
      closeSync(output);
    }
  }

  /** False when it never will be. @throws not yet */
  async #isReady(started: ProcessIdentity): Promise<boolean> {
    if (!isRunning(started)) return false;
    await versionAt(this.url);
    return true;
  }

  async #end(signal: 'SIGINT' | 'SIGKILL', timeoutMs: number): Promise<void> {
    if (this.#process === undefined) return;
    kill(this.#process, signal);
    await untilEnded(this.#process, timeoutMs);
    this.#process = undefined;
  }

  get #output(): string {
    return join(this.#folder, 'output');
  }

  #said(): string {
    const lines = readFileSync(this.#output, 'utf8').trimEnd().split('\n');
    return ['It said:', ...lines.slice(-8)].join('\n  ');
  }
}
