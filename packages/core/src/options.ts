import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Driver } from './driver.ts';
import type { Effects } from './effects.ts';
import { type Host, parseHosts } from './hosts.ts';
import { checkLogger, type Logger } from './logger.ts';
import type { CredentialsSource } from './login.ts';
import { functionOption, integer, invalid, kindOf, knownKeys, nonEmptyString, oneOf } from './option-checks.ts';

/** What is done about the queues and exchanges of contracts; see docs/topology.md. */
export type TopologyMode = 'declare' | 'verify' | 'off';

export interface ConnectOptions {
  /**
   * Broker URL, `amqp:` or `amqps:`, or several of one cluster, tried in turn. Credentials are redacted in every log and error.
   * Known parameters: `heartbeat`, `frame_max`, `auth_mechanism=external`.
   */
  readonly url: string | readonly string[];
  /**
   * Shown in the broker's list of connections.
   * @default 'surehop'
   */
  readonly name?: string;
  /** Options of `tls.connect` for `amqps:` URLs: `ca`, `cert`, `key`, `servername` … The certificate is verified unless `rejectUnauthorized: false` says otherwise. */
  readonly tls?: TlsOptions;
  /**
   * Asked before each connect; where it says how long its credentials hold (`expiresInMs`), only once three quarters of that
   * time are over, connected or not, or after the broker refused the login. It must answer within `connectTimeoutMs`.
   * `external` logs in by the client certificate (SASL EXTERNAL).
   * @default user and password of the URL
   */
  readonly credentials?: CredentialsSource | 'external';
  /**
   * `declare` makes what contracts describe, `verify` only checks it, `off` trusts it.
   * @default 'declare'
   */
  readonly topology?: TopologyMode;
  /** Base URL of the management API, for example `http://user:password@host:15672`: compares arguments in `verify` and notices under-replicated queues. */
  readonly managementUrl?: string;
  /**
   * How long `connect()` goes on trying hosts that cannot be reached, in milliseconds. 0 tries each once. What waiting
   * cannot mend (login, virtual host, certificate) is thrown at once.
   * @default 0
   */
  readonly waitMs?: number;
  /**
   * Any pino-shaped logger. One structured line per change of state, retry and dead letter; no payloads, no credentials.
   * @default pino at level `warn` on standard error
   */
  readonly log?: Logger;
  /**
   * Heartbeat asked of the broker, in **seconds** (the AMQP unit); the lower of the two sides wins. A dead peer is noticed within three.
   * `0` turns it off: a half-open socket is then noticed only by TCP keep-alive.
   * @default 10
   */
  readonly heartbeatSeconds?: number;
  /**
   * Longest time for one connect, handshake and `credentials()` included, in milliseconds.
   * @default 5_000
   */
  readonly connectTimeoutMs?: number;
  /**
   * Longest wait for the broker's answer to one request (open, declare, bind, consume, cancel), in milliseconds.
   * @default 10_000
   */
  readonly rpcTimeoutMs?: number;
  /**
   * Longest wait between two rounds of connects, in milliseconds; full jitter from 100 ms up.
   * @default 2_000
   */
  readonly reconnectMaxDelayMs?: number;
  /**
   * The same after a refused login, virtual host or certificate, in milliseconds.
   * @default 30_000
   */
  readonly refusedMaxDelayMs?: number;
  /**
   * A broker that confirms nothing for so long, though it is connected and not blocked, is reported and, where there is
   * another host, left. Where there is none, the channel is replaced after four times as long. Milliseconds.
   * @default 8_000
   */
  readonly confirmStallMs?: number;
  /**
   * How often the topology is asserted again, in milliseconds, with jitter: a deleted exchange is otherwise noticed by nobody.
   * @default 60_000
   */
  readonly topologyCheckMs?: number;
  /** Another AMQP library, or an in-memory broker. For tests and simulations. */
  readonly driver?: Driver;
  /** Another source of time, randomness and ids. For simulations. */
  readonly effects?: Effects;
}

type Defaulted = Exclude<
  keyof ConnectOptions,
  'url' | 'tls' | 'credentials' | 'managementUrl' | 'log' | 'driver' | 'effects'
>;

const defaults = {
  name: 'surehop',
  topology: 'declare',
  waitMs: 0,
  heartbeatSeconds: 10,
  connectTimeoutMs: 5_000,
  rpcTimeoutMs: 10_000,
  reconnectMaxDelayMs: 2_000,
  refusedMaxDelayMs: 30_000,
  confirmStallMs: 8_000,
  topologyCheckMs: 60_000,
} as const satisfies Required<Pick<ConnectOptions, Defaulted>>;

export type ResolvedConnectOptions = Readonly<
  Required<Pick<ConnectOptions, Defaulted>> & { tls: TlsOptions; hosts: readonly Host[] }
> &
  Pick<ConnectOptions, 'credentials' | 'managementUrl'>;

const known: readonly string[] = [
  ...Object.keys(defaults),
  'url',
  'tls',
  'credentials',
  'managementUrl',
  'log',
  'driver',
  'effects',
];

/** The only place where defaults of `connect()` are applied and its options are checked. */
export function resolveConnectOptions(given: ConnectOptions): ResolvedConnectOptions {
  knownKeys('connect()', given, known);
  const hosts = parseHosts(given.url);
  const { tls = {}, credentials, managementUrl } = given;
  const resolved = { ...defaults, ...definedOnly(given), tls, hosts };
  nonEmptyString('name', resolved.name);
  oneOf('topology', resolved.topology, ['declare', 'verify', 'off']);
  integer('waitMs', resolved.waitMs, 0);
  integer('heartbeatSeconds', resolved.heartbeatSeconds, 0, 65_535);
  for (const option of [
    'connectTimeoutMs',
    'rpcTimeoutMs',
    'reconnectMaxDelayMs',
    'refusedMaxDelayMs',
    'confirmStallMs',
    'topologyCheckMs',
  ] as const) {
    integer(option, resolved[option], 1);
  }
  if (credentials !== undefined && credentials !== 'external') functionOption('credentials', credentials);
  checkTls(given.tls, hosts);
  if (given.log !== undefined) checkLogger('log', given.log);
  checkExternal(credentials, hosts);
  if (managementUrl !== undefined && !/^https?:$/.test(URL.parse(managementUrl)?.protocol ?? '')) {
    invalid('managementUrl must be an http: or https: URL');
  }
  return Object.freeze(resolved);
}

function checkTls(tls: unknown, hosts: readonly Host[]): void {
  if (tls === undefined) return;
  if (typeof tls !== 'object' || tls === null || Array.isArray(tls)) {
    invalid(`tls must be an object of options of tls.connect, got ${kindOf(tls)}`);
  }
  if (!hosts.some((host) => host.tls)) invalid('tls is given, but no url begins with amqps:');
}

function checkExternal(credentials: ConnectOptions['credentials'], hosts: readonly Host[]): void {
  if (credentials !== 'external' || hosts.every((host) => host.tls)) return;
  invalid("credentials 'external' needs amqps: URLs, since the login is the client certificate");
}

/** An option given as `undefined` means its default. */
function definedOnly(given: ConnectOptions): ConnectOptions {
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as unknown as ConnectOptions;
}
