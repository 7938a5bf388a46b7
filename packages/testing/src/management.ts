import type { Credentials } from './credentials.ts';
import { BrokerError } from './errors.ts';

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

export interface CallOptions {
  readonly query?: Readonly<Record<string, string>>;
  /** For one node to answer in, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number;
}

/** The answer of a management API that answered, but not with success. */
class ManagementError extends BrokerError {
  override readonly name = 'ManagementError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const attempts = 5;
const retryAfterMs = 100;

/** RabbitMQ's HTTP API. Asks the nodes in turn until one answers. */
export class Management {
  readonly #urls: readonly string[];
  readonly #headers: Readonly<Record<string, string>>;

  constructor(urls: readonly string[], credentials: Credentials) {
    this.#urls = urls;
    const token = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
    // Every call on a connection of its own: one that is kept dies with a node that is killed, and the next call with it.
    this.#headers = { authorization: `Basic ${token}`, 'content-type': 'application/json', connection: 'close' };
  }

  /**
   * A busy node answers 500 now and then; what may be asked twice is asked again.
   *
   * @param path below `/api/`; its parts are escaped here
   * @throws {ManagementError} a node refused the call
   * @throws {BrokerError} no node answered
   */
  async call(method: Method, path: readonly string[], body?: unknown, options: CallOptions = {}): Promise<unknown> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#call(method, path, body, options);
      } catch (error) {
        const isPassing = error instanceof ManagementError && error.status >= 500 && method !== 'POST';
        if (!isPassing || attempt === attempts) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryAfterMs * attempt));
      }
    }
  }

  /** As `call`, but nothing happens when there is nothing to delete. */
  async delete(path: readonly string[]): Promise<void> {
    try {
      await this.call('DELETE', path);
    } catch (error) {
      if (!(error instanceof ManagementError && error.status === 404)) throw error;
    }
  }

  async #call(method: Method, path: readonly string[], body: unknown, options: CallOptions): Promise<unknown> {
    const { query = {}, timeoutMs = 10_000 } = options;
    const search = new URLSearchParams(query).toString();
    const failures: string[] = [];
    for (const url of this.#urls) {
      const target = `${url}/api/${path.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
      let response: Response;
      let text: string;
      try {
        const init: RequestInit = { method, headers: this.#headers, signal: AbortSignal.timeout(timeoutMs) };
        response = await fetch(target, body === undefined ? init : { ...init, body: JSON.stringify(body) });
        text = await response.text();
      } catch (error) {
        failures.push(`${target}: ${reasonOf(error)}`);
        continue;
      }
      if (response.ok) return text === '' ? undefined : JSON.parse(text);
      throw new ManagementError(response.status, `${method} ${target} answered ${response.status}: ${text}`);
    }
    throw new BrokerError(`No management API answered. ${failures.join('; ')}`);
  }

  /** RabbitMQ's. @param timeoutMs for one node to answer in */
  async version(timeoutMs = 10_000): Promise<string> {
    const overview = await this.call('GET', ['overview'], undefined, { timeoutMs });
    return (overview as { rabbitmq_version: string }).rabbitmq_version;
  }

  /** Deletes the virtual hosts and users whose names begin so. */
  async deletePrefixed(prefix: string): Promise<void> {
    for (const kind of ['vhosts', 'users'] as const) {
      const found = (await this.call('GET', [kind])) as { name: string }[];
      for (const { name } of found) if (name.startsWith(prefix)) await this.delete([kind, name]);
    }
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return cause.message === '' ? ((cause as NodeJS.ErrnoException).code ?? cause.name) : cause.message;
}
