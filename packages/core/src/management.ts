import { isDeepStrictEqual } from 'node:util';
import { TopologyMismatchError } from './errors.ts';
import type { HeaderTable } from './message.ts';
import type { Entity } from './topology-entity.ts';

/** A quorum queue of a cluster has so many members, unless there are fewer nodes (R: its default group size). */
const usualMembers = 3;
/** Of a quorum queue from RabbitMQ 4.0 on. */
const defaultDeliveryLimit = 20;
const timeoutMs = 5_000;

interface QueueView {
  readonly arguments?: HeaderTable;
  readonly type?: string;
  /** What counts, from RabbitMQ 4.0 on; `unlimited` where nothing does. */
  readonly delivery_limit?: number | string;
  readonly effective_policy_definition?: HeaderTable;
  readonly members?: readonly string[];
  readonly online?: readonly string[];
}

interface BindingView {
  readonly routing_key: string;
  readonly arguments?: HeaderTable;
}

interface ExchangeView {
  readonly type?: string;
  readonly arguments?: HeaderTable;
}

/** Nothing could be learned from it. */
export class ManagementError extends Error {
  override readonly name = 'ManagementError';
  /** True when it answered, though not with what was asked for. */
  readonly isAnswer: boolean;

  constructor(message: string, options: { readonly isAnswer: boolean; readonly cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.isAnswer = options.isAnswer;
  }
}

/** What AMQP cannot tell: an existing entity's arguments, and where a queue's members are. */
export class ManagementApi {
  readonly #base: URL;
  readonly #authorization: string;
  readonly #vhost: string;
  readonly #deadline: (delayMs: number) => AbortSignal;

  constructor(
    url: string,
    login: { readonly username: string; readonly password: string; readonly vhost: string },
    deadline: (delayMs: number) => AbortSignal,
  ) {
    this.#base = new URL(url);
    const given = this.#base.username !== '';
    const username = given ? decodeURIComponent(this.#base.username) : login.username;
    const password = given ? decodeURIComponent(this.#base.password) : login.password;
    this.#base.username = '';
    this.#base.password = '';
    this.#authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    this.#vhost = encodeURIComponent(login.vhost);
    this.#deadline = deadline;
  }

  /**
   * @throws {TopologyMismatchError} when it is there with other arguments
   * @throws {ManagementError} when nobody can tell
   */
  async compare(entity: Entity): Promise<void> {
    const { what, label } = entity;
    if (what.kind === 'queue') {
      const found = await this.#get<QueueView>(`queues/${this.#vhost}/${encodeURIComponent(what.declaration.name)}`);
      compareArguments(label, what.declaration.arguments, found.arguments ?? {});
    } else if (what.kind === 'exchange') {
      const { name, type } = what.declaration;
      const found = await this.#get<ExchangeView>(`exchanges/${this.#vhost}/${encodeURIComponent(name)}`);
      compareArguments(label, { type, ...what.declaration.arguments }, { type: found.type, ...found.arguments });
    } else if (what.kind === 'binding') {
      const { exchange, queue, routingKey } = what.declaration;
      const path = `bindings/${this.#vhost}/e/${encodeURIComponent(exchange)}/q/${encodeURIComponent(queue)}`;
      const found = await this.#get<readonly BindingView[]>(path);
      const wanted = { ...what.declaration.arguments };
      const isIt = (one: BindingView): boolean =>
        one.routing_key === routingKey && isDeepStrictEqual(one.arguments ?? {}, wanted);
      if (!found.some(isIt)) throw new TopologyMismatchError(label, {}, { cause: undefined });
    }
  }

  /**
   * Marks quorum queues that run with fewer members than the cluster could give them.
   *
   * @throws {ManagementError} when nobody can tell
   */
  async noteReplication(entities: readonly Entity[]): Promise<void> {
    const nodes = await this.#get<readonly unknown[]>('nodes?columns=name');
    const wanted = Math.min(usualMembers, nodes.length);
    for (const entity of entities) {
      const { what } = entity;
      if (what.kind !== 'queue' || what.declaration.arguments['x-queue-type'] !== 'quorum') continue;
      if (entity.state === 'mismatch' || entity.state === undefined) continue;
      const view = await this.#get<QueueView>(`queues/${this.#vhost}/${encodeURIComponent(what.declaration.name)}`);
      const online = Math.min(view.online?.length ?? wanted, view.members?.length ?? wanted);
      entity.isUnderReplicated = online < wanted;
    }
  }

  /**
   * How often a message of this queue may be delivered and given back, by arguments, policies and defaults;
   * `Infinity` where nothing limits it.
   *
   * @param isLimitedByDefault as from RabbitMQ 4.0 on, where a negative limit is none; before, it is one of 0
   * @throws {ManagementError} when nobody can tell
   */
  async deliveryLimit(queue: string, isLimitedByDefault: boolean): Promise<number> {
    const view = await this.#get<QueueView>(`queues/${this.#vhost}/${encodeURIComponent(queue)}`);
    if (view.type !== 'quorum') return Number.POSITIVE_INFINITY;
    const { delivery_limit: counting, arguments: given, effective_policy_definition: policy } = view;
    if (counting !== undefined) return typeof counting === 'number' ? counting : Number.POSITIVE_INFINITY;
    // A queue that was just declared does not tell yet.
    const set = [given?.['x-delivery-limit'], policy?.['delivery-limit']].filter((limit) => typeof limit === 'number');
    if (set.length === 0) return isLimitedByDefault ? defaultDeliveryLimit : Number.POSITIVE_INFINITY;
    const none = isLimitedByDefault ? Number.POSITIVE_INFINITY : 0;
    return Math.min(...set.map((limit) => (limit < 0 ? none : limit)));
  }

  async #get<T>(path: string): Promise<T> {
    const url = new URL(`api/${path}`, this.#base.href.endsWith('/') ? this.#base : `${this.#base.href}/`);
    let response: Response;
    try {
      const headers = { authorization: this.#authorization };
      response = await fetch(url, { headers, signal: this.#deadline(timeoutMs) });
      if (response.ok) return (await response.json()) as T;
    } catch (cause) {
      throw new ManagementError(`the management API at ${url.origin} does not answer`, { isAnswer: false, cause });
    }
    const what = `the management API at ${url.origin} answered ${response.status} for ${path}`;
    const advice = 'check the login in managementUrl and its tags: "monitoring" for what nodes have, else "management"';
    throw new ManagementError(response.status === 401 ? `${what}: ${advice}` : what, { isAnswer: true });
  }
}

function compareArguments(label: string, wanted: HeaderTable, found: HeaderTable): void {
  for (const argument of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
    if (wanted[argument] === found[argument]) continue;
    const difference = { argument, wanted: text(wanted[argument]), found: text(found[argument]) };
    throw new TopologyMismatchError(label, difference, { cause: undefined });
  }
}

function text(value: unknown): string {
  return value === undefined ? 'none' : String(value);
}
