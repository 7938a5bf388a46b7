import { SurehopError } from './errors.ts';

/** One broker to connect to, as its URL says. */
export interface Host {
  readonly hostname: string;
  readonly port: number;
  readonly vhost: string;
  readonly tls: boolean;
  readonly username: string;
  readonly password: string;
  /** `auth_mechanism=external` in the URL: the client certificate is the login. */
  readonly external: boolean;
  readonly heartbeatSeconds: number | undefined;
  readonly frameMaxBytes: number | undefined;
}

/** The query parameters of RabbitMQ's URI specification that have a meaning here. */
const knownParameters = ['heartbeat', 'frame_max', 'auth_mechanism'];

/**
 * Reads one or many broker URLs.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID; the password never appears in it
 */
export function parseHosts(url: string | readonly string[]): readonly Host[] {
  const urls = typeof url === 'string' ? [url] : url;
  if (!Array.isArray(urls) || urls.length === 0) throw invalid('url must be a broker URL or a list of at least one');
  return urls.map(parseHost);
}

function parseHost(url: string): Host {
  const parsed = typeof url === 'string' ? URL.parse(url) : null;
  if (parsed === null || (parsed.protocol !== 'amqp:' && parsed.protocol !== 'amqps:') || parsed.hostname === '') {
    // Not shown: what is no URL may hold a password anywhere.
    throw invalid('url must look like amqp://user:password@host:5672/vhost or amqps://…');
  }
  for (const key of parsed.searchParams.keys()) {
    if (knownParameters.includes(key)) continue;
    throw invalid(`url has the unknown parameter "${key}"; known are ${knownParameters.join(', ')}`);
  }
  const tls = parsed.protocol === 'amqps:';
  const mechanism = parsed.searchParams.get('auth_mechanism');
  if (mechanism !== null && mechanism.toLowerCase() !== 'external' && mechanism.toLowerCase() !== 'plain') {
    throw invalid(`url parameter auth_mechanism must be plain or external, got "${mechanism}"`);
  }
  const anonymous = parsed.username === '' && parsed.password === '';
  return {
    hostname: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? (tls ? 5671 : 5672) : Number(parsed.port),
    vhost: decoded('virtual host', parsed.pathname.slice(1)) || '/',
    tls,
    username: anonymous ? 'guest' : decoded('user name', parsed.username),
    password: anonymous ? 'guest' : decoded('password', parsed.password),
    external: mechanism?.toLowerCase() === 'external',
    heartbeatSeconds: parameter(parsed, 'heartbeat', 0, 65_535),
    // RabbitMQ from 4.1 on refuses less than 8192.
    frameMaxBytes: parameter(parsed, 'frame_max', 8_192, 2 ** 31 - 1),
  };
}

function parameter(url: URL, name: string, min: number, max: number): number | undefined {
  const text = url.searchParams.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw invalid(`url parameter ${name} must be an integer in [${min}, ${max}], got "${text}"`);
}

function decoded(what: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`the ${what} in url is not valid percent-encoding`);
  }
}

function invalid(message: string): SurehopError {
  return new SurehopError('SUREHOP_OPTION_INVALID', message, { retryable: false });
}
