/** How a PostgreSQL came to be: one that was there (`DATABASE_URL`), a container, or a private `postgres` process. */
export type PostgresWay = 'url' | 'container' | 'server';

export interface StartPostgresOptions {
  /**
   * The only way to try.
   * @default the environment's `SUREHOP_POSTGRES`, else every way in order: url, container, server
   */
  kind?: PostgresWay;
  /**
   * Read instead of the process's environment: `DATABASE_URL`, `SUREHOP_POSTGRES`, `PATH`.
   * @default process.env
   */
  env?: Readonly<Record<string, string | undefined>>;
  /**
   * Settings of a private server, for example `{ max_connections: '50' }`; means `kind: 'server'`. Unless `fsync` is
   * among them it is off: data survive `kill()`, not a power cut.
   */
  settings?: Readonly<Record<string, string>>;
  /**
   * Gets one line per step worth telling: which server was taken, and that a package is being installed.
   * @default writes to standard error
   */
  log?: (line: string) => void;
}

/** A running PostgreSQL. Closing it ends what was started for it, and nothing else. */
export interface Postgres extends AsyncDisposable {
  /** For example `15.20`. */
  readonly version: string;
  readonly way: PostgresWay;
  /** One line for people. */
  readonly description: string;
  /** `stop()`, `start()` and `kill()`: a private server only. */
  readonly canRestart: boolean;
  readonly host: string;
  readonly port: number;
  /** A new, empty database, dropped when it is closed, and when the server is. */
  database(): Promise<Database>;
  /** All that another process needs to use this server with `attachPostgres`; survives JSON. Carries credentials. */
  definition(): PostgresDefinition;
  /** Shuts the server down in order; connections are ended. Resolves when its process has ended. */
  stop(): Promise<void>;
  /** Starts it again, with its data, on the same port. One that runs stays as it is. */
  start(): Promise<void>;
  /** Ends the process with SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

export interface Database extends AsyncDisposable {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /**
   * `postgresql:` URL with credentials.
   * @param port of a `FaultProxy` on this machine. Default: the server's own
   */
  url(port?: number): string;
  /** Drops it, with the connections that are left. Safe to call twice. */
  close(): Promise<void>;
}

/** A server as plain data. Made by `Postgres.definition()`; hand it on as it is. */
export interface PostgresDefinition {
  readonly version: string;
  readonly way: PostgresWay;
  readonly description: string;
  /** Of a database that exists, for a role that may create others. */
  readonly url: string;
  /** What the names of its databases begin with; whoever started the server drops those that are left. */
  readonly prefix: string;
}
