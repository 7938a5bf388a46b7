import { randomBytes } from 'node:crypto';
import { BrokerError } from '../errors.ts';
import { createDatabase, dropDatabase } from './administration.ts';
import type { Database, Postgres, PostgresDefinition, PostgresWay } from './postgres.ts';

/** Of a server whose process is ours. */
export interface ServerProcess {
  stop(): Promise<void>;
  start(): Promise<void>;
  kill(): Promise<void>;
  readonly isUp: boolean;
}

export interface LivePostgresOptions {
  readonly definition: PostgresDefinition;
  readonly server?: ServerProcess;
  /** Ends what was started. */
  readonly end: () => Promise<void>;
}

export class LivePostgres implements Postgres {
  readonly #definition: PostgresDefinition;
  readonly #server: ServerProcess | undefined;
  readonly #end: () => Promise<void>;
  readonly #databases = new Set<LiveDatabase>();
  #closing: Promise<void> | undefined;

  constructor(options: LivePostgresOptions) {
    this.#definition = options.definition;
    this.#server = options.server;
    this.#end = options.end;
  }

  get version(): string {
    return this.#definition.version;
  }

  get way(): PostgresWay {
    return this.#definition.way;
  }

  get description(): string {
    return this.#definition.description;
  }

  get canRestart(): boolean {
    return this.#server !== undefined;
  }

  get host(): string {
    return new URL(this.#definition.url).hostname.replace(/^\[|\]$/g, '');
  }

  get port(): number {
    return Number(new URL(this.#definition.url).port || 5432);
  }

  async database(): Promise<Database> {
    const { url, prefix } = this.#definition;
    const name = `${prefix}${randomBytes(4).toString('hex')}`;
    await createDatabase(url, name);
    const database = new LiveDatabase(url, name, async () => {
      this.#databases.delete(database);
      if (this.#server?.isUp !== false) await dropDatabase(url, name);
    });
    this.#databases.add(database);
    return database;
  }

  definition(): PostgresDefinition {
    return this.#definition;
  }

  async stop(): Promise<void> {
    await this.#own().stop();
  }

  async start(): Promise<void> {
    await this.#own().start();
  }

  async kill(): Promise<void> {
    await this.#own().kill();
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
      // A server of our own goes with all that is in it.
      if (this.#server === undefined) for (const database of this.#databases) await database.close();
    } finally {
      await this.#end();
    }
  }

  #own(): ServerProcess {
    if (this.#server !== undefined) return this.#server;
    const advice = "Start one of your own with startPostgres({ kind: 'server' }).";
    throw new BrokerError(`This PostgreSQL cannot be stopped or started from here. ${advice}`);
  }
}

class LiveDatabase implements Database {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly #url: URL;
  readonly #drop: () => Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(serverUrl: string, name: string, drop: () => Promise<void>) {
    this.name = name;
    this.#url = new URL(serverUrl);
    this.#url.pathname = `/${name}`;
    this.host = this.#url.hostname.replace(/^\[|\]$/g, '');
    this.port = Number(this.#url.port || 5432);
    this.#drop = drop;
  }

  url(port: number = this.port): string {
    const url = new URL(this.#url);
    if (port !== this.port) url.hostname = '127.0.0.1';
    url.port = String(port);
    return url.href;
  }

  close(): Promise<void> {
    this.#closing ??= this.#drop();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
