import { parseHosts } from '@surehop/core/internal';
import type { GlobalFlags } from './action.ts';
import { brokerUrl, managementUrl } from './connection.ts';
import type { Context } from './context.ts';
import { UsageError } from './usage-error.ts';

/** The management API did not do what it was asked for. The message says what to do, and holds no password. */
export class ManagementError extends Error {
  override readonly name = 'ManagementError';
  /** Of its answer; undefined when there was none. */
  readonly status: number | undefined;

  constructor(message: string, options: { readonly status?: number; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
  }
}

type Query = Readonly<Record<string, string>>;

export interface Answer<T> {
  readonly value: T;
  /** When the broker answered, by its own clock, in epoch milliseconds; it tells whole seconds. */
  readonly brokerAt: number | undefined;
}

/** For one answer, in milliseconds. */
const usualDeadlineMs = 10_000;

/** A user of the broker, and where its queues are. */
interface Login {
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
}

/** RabbitMQ's management API, for the virtual host of the broker's URL. */
export class Management {
  readonly vhost: string;
  /** For people: scheme, host and port. */
  readonly origin: string;
  readonly username: string;
  readonly #base: URL;
  readonly #authorization: string;
  readonly #signal: AbortSignal;
  readonly #deadlineMs: number;

  /**
   * @param url with user and password, or without: then those of `login` are used
   * @param deadlineMs for one answer, in milliseconds
   * @throws {UsageError} it is no http: or https: URL
   */
  constructor(url: string, login: Login, signal: AbortSignal, deadlineMs: number = usualDeadlineMs) {
    const parsed = URL.parse(url);
    if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
      throw new UsageError('--management-url must look like http://user:password@host:15672');
    }
    const given = parsed.username !== '';
    this.username = given ? decoded(parsed.username) : login.username;
    const password = given ? decoded(parsed.password) : login.password;
    this.#deadlineMs = deadlineMs;
    this.#authorization = `Basic ${Buffer.from(`${this.username}:${password}`).toString('base64')}`;
    // Its path stays: a proxy may have put the API below one.
    this.#base = new URL(`${parsed.origin}${parsed.pathname.replace(/\/*$/, '/')}`);
    this.origin = parsed.origin;
    this.vhost = login.vhost;
    this.#signal = signal;
  }

  /**
   * @param path below `/api/`; its parts are escaped here
   * @throws {ManagementError}
   */
  async get<T>(path: readonly string[], query: Query = {}): Promise<T> {
    return (await this.ask<T>(path, query)).value;
  }

  /** As `get`, with the broker's time. */
  async ask<T>(path: readonly string[], query: Query = {}): Promise<Answer<T>> {
    const { response, text } = await this.#call('GET', path, query);
    if (!response.ok) throw this.#refusal(path, response.status, text);
    const date = Date.parse(response.headers.get('date') ?? '');
    try {
      return { value: JSON.parse(text) as T, brokerAt: Number.isNaN(date) ? undefined : date };
    } catch (cause) {
      throw new ManagementError(
        `${this.origin} answers, but not as the management API does: check --management-url (${this.#base.href})`,
        { status: response.status, cause },
      );
    }
  }

  /** Resolves to false when there was nothing to delete. */
  async delete(path: readonly string[], query: Query = {}): Promise<boolean> {
    const { response, text } = await this.#call('DELETE', path, query);
    if (response.status === 404) return false;
    if (!response.ok) throw this.#refusal(path, response.status, text);
    return true;
  }

  async #call(method: string, path: readonly string[], query: Query): Promise<{ response: Response; text: string }> {
    const url = new URL(`api/${path.map(encodeURIComponent).join('/')}`, this.#base);
    url.search = new URLSearchParams(query).toString();
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(this.#deadlineMs)]);
    try {
      const headers = { authorization: this.#authorization };
      const response = await fetch(url, { method, headers, signal });
      return { response, text: await response.text() };
    } catch (cause) {
      this.#signal.throwIfAborted();
      throw new ManagementError(`the management API at ${this.origin} ${silence(cause, this.#deadlineMs)}`, { cause });
    }
  }

  #refusal(path: readonly string[], status: number, text: string): ManagementError {
    const what = `the management API at ${this.origin} answered ${status} for /${path.join('/')}`;
    const user = `user "${this.username}"`;
    const advice: Readonly<Record<number, string>> = {
      401: `check the login of ${user}, and its tags: "management" to look at queues, "monitoring" for nodes, "administrator" for permissions`,
      403: `${user} may not do that in virtual host "${this.vhost}"`,
      404: `there is none in virtual host "${this.vhost}", or --management-url leads to something else`,
    };
    const reason = advice[status] ?? reasonIn(text);
    return new ManagementError(reason === '' ? what : `${what}: ${reason}`, { status });
  }
}

/** The client that the command line asks for; undefined when it names no management API. */
export function managementOf(context: Context, flags: GlobalFlags): Management | undefined {
  const url = managementUrl(context, flags);
  if (url === undefined) return undefined;
  const [host] = parseHosts(brokerUrl(context, flags));
  if (host === undefined) return undefined;
  return new Management(url, host, context.signal);
}

/** @throws {UsageError} the command line names no management API */
export function neededManagement(context: Context, flags: GlobalFlags, what: string): Management {
  const management = managementOf(context, flags);
  if (management !== undefined) return management;
  throw new UsageError(
    `${what} needs the management API: give --management-url http://user:password@host:15672, or set AMQP_MANAGEMENT_URL`,
  );
}

function silence(cause: unknown, deadlineMs: number): string {
  if (cause instanceof Error && cause.name === 'TimeoutError') return `gave no answer within ${deadlineMs / 1_000} s`;
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = inner instanceof Error && 'code' in inner ? ` (${String(inner.code)})` : '';
  return `does not answer${code}: is the plugin rabbitmq_management enabled, and --management-url right?`;
}

function reasonIn(text: string): string {
  try {
    const { reason } = JSON.parse(text) as { readonly reason?: unknown };
    return typeof reason === 'string' ? reason : '';
  } catch {
    return '';
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UsageError('user or password in --management-url is not valid percent-encoding');
  }
}
