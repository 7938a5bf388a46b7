import { brokerTraits } from './broker-version.ts';
import { amqplibDriver } from './driver-amqplib.ts';
import { type Effects, longestTimeoutMs, systemEffects } from './effects.ts';
import {
  type ConsumerHealth,
  type Health,
  healthStatus,
  type LinkHealth,
  type PublisherHealth,
  type ReaderHealth,
  type RelayHealth,
} from './health.ts';
import { Link } from './link.ts';
import { type LinkState, type StateListener, type Unsubscribe, worseOf } from './link-state.ts';
import { defaultLogger, errorFields, guardedLogger, type Logger } from './logger.ts';
import { Login } from './login.ts';
import { ManagementApi } from './management.ts';
import { integer, invalid, kindOf } from './option-checks.ts';
import { type ConnectOptions, type ResolvedConnectOptions, resolveConnectOptions } from './options.ts';
import { TopologyKeeper } from './topology-keeper.ts';
import { callUser, isThenable } from './user-callback.ts';

/** A publisher, a consumer, a reader or a relay, as the connection sees it. */
export interface Member<H> {
  close(options?: CloseOptions): Promise<void>;
  health(): H;
}

export interface CloseOptions {
  /** How long to wait for work in hand before giving up on it, in milliseconds. */
  readonly timeoutMs?: number;
}

/** What `@surehop/*` packages need of a connection and users do not. */
export interface RabbitInternals {
  readonly publishLink: Link;
  readonly consumeLink: Link;
  readonly topology: TopologyKeeper;
  /** Undefined without a `managementUrl`. */
  readonly management: ManagementApi | undefined;
  readonly options: ResolvedConnectOptions;
  readonly effects: Effects;
  /** Guarded: never throws. */
  readonly log: Logger;
  readonly publishers: Set<Member<PublisherHealth>>;
  readonly consumers: Set<Member<ConsumerHealth>>;
  readonly readers: Set<Member<ReaderHealth>>;
  readonly relays: Set<Member<RelayHealth>>;
  /** True once `close()` was called. */
  readonly isClosing: boolean;
}

/** Works across two installed copies of core. */
const internalsKey: unique symbol = Symbol.for('surehop.internals') as never;

/** A connection to RabbitMQ: two links (one publishes, one consumes), kept open until `close()`. */
export interface Rabbit extends AsyncDisposable {
  /** The worse of the two links' states. */
  readonly state: LinkState;
  /** Called with every change of `state`. What a listener throws is logged and breaks nothing. */
  onStateChange(listener: StateListener): Unsubscribe;
  /** What is known now, from memory. */
  health(): Health;
  /**
   * Closes consumers and readers (they finish what they have in hand), then relays and publishers (they wait for their confirms), then
   * the links. Safe to call twice: the second caller gets the first caller's promise.
   *
   * @param options.timeoutMs for each of consumers, relays and publishers, in milliseconds. Default: 10_000 for relays and
   *   publishers, `drainTimeoutMs` for consumers
   * @throws {SurehopError} SUREHOP_OPTION_INVALID for a wrong `timeoutMs`, and nothing else; nothing is closed then
   */
  close(options?: CloseOptions): Promise<void>;
}

/** How long the closing handshakes may take, in milliseconds. */
const closeHandshakeMs = 2_000;

/**
 * Connects to RabbitMQ and keeps the connection, through whatever ends it, until `close()`.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID before anything is tried; SUREHOP_LOGIN_REFUSED, SUREHOP_VHOST_REFUSED and
 *   SUREHOP_TLS_UNTRUSTED at once; SUREHOP_CONNECT_UNREACHABLE, SUREHOP_CONNECT_TIMEOUT and SUREHOP_HOST_UNRESOLVED
 *   after every host was tried and `waitMs` have passed
 */
export async function connect(options: ConnectOptions): Promise<Rabbit> {
  const resolved = resolveConnectOptions(options);
  const effects = options.effects ?? systemEffects;
  const rabbit = new RabbitConnection(resolved, effects, options);
  try {
    await rabbit.open();
  } catch (error) {
    await rabbit.close();
    throw error;
  }
  return rabbit;
}

/** @throws {SurehopError} SUREHOP_OPTION_INVALID for what no `connect()` has resolved with */
export function internalsOf(rabbit: Rabbit): RabbitInternals {
  const internals = (rabbit as RabbitConnection | null | undefined)?.[internalsKey];
  if (internals !== undefined) return internals;
  if (isThenable(rabbit)) invalid('the connection is a promise: await connect() first');
  invalid(`the connection must be what connect() resolves with, got ${kindOf(rabbit)}`);
}

class RabbitConnection implements Rabbit {
  readonly [internalsKey]: Omit<RabbitInternals, 'isClosing'> & { isClosing: boolean };
  readonly #login: Login;
  readonly #listeners = new Set<StateListener>();
  readonly #versions = new Set<string>();
  #state: LinkState;
  #closing: Promise<void> | undefined;

  constructor(resolved: ResolvedConnectOptions, effects: Effects, given: ConnectOptions) {
    const log = guardedLogger(given.log ?? defaultLogger());
    const onRenewed = (password: string): void => this.#renew(password);
    this.#login = new Login(given.credentials, { effects, log, timeoutMs: resolved.connectTimeoutMs, onRenewed });
    const driver = given.driver ?? amqplibDriver({ clock: effects.clock, log });
    const parts = { options: resolved, hosts: resolved.hosts, login: this.#login, driver, effects, log };
    const consumeLink = new Link({ ...parts, role: 'consume' });
    const publishLink = new Link({ ...parts, role: 'publish' });
    const { topology: mode, rpcTimeoutMs, topologyCheckMs } = resolved;
    const management = managementOf(resolved, effects);
    const keeper = { mode, link: consumeLink, effects, log, rpcTimeoutMs, topologyCheckMs, management };
    this[internalsKey] = {
      publishLink,
      consumeLink,
      topology: new TopologyKeeper(keeper),
      management,
      options: resolved,
      effects,
      log,
      publishers: new Set(),
      consumers: new Set(),
      readers: new Set(),
      relays: new Set(),
      isClosing: false,
    };
    this.#state = worseOf(consumeLink.state, publishLink.state);
    for (const link of [consumeLink, publishLink]) {
      link.onStateChange(() => {
        this.#noteState();
        if (link.session?.isOpen) this.#noteBroker(link.session.serverVersion);
      });
    }
  }

  /** The consuming link first: where it fails for good, the other one would too. */
  async open(): Promise<void> {
    const { consumeLink, publishLink, options, effects } = this[internalsKey];
    const startedAt = effects.clock.now();
    await consumeLink.open(options.waitMs);
    await publishLink.open(Math.max(0, options.waitMs - (effects.clock.now() - startedAt)));
  }

  get state(): LinkState {
    return this.#state;
  }

  onStateChange(listener: StateListener): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  health(): Health {
    const { publishLink, consumeLink, publishers, consumers, readers, relays, topology, options } = this[internalsKey];
    const parts = {
      links: { publish: linkHealth(publishLink), consume: linkHealth(consumeLink) },
      publishers: [...publishers].map((publisher) => publisher.health()),
      consumers: [...consumers].map((consumer) => consumer.health()),
      readers: [...readers].map((reader) => reader.health()),
      relays: [...relays].map((relay) => relay.health()),
      topology: topology.health(),
    };
    return { status: healthStatus(parts, options.confirmStallMs), ...parts };
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    try {
      if (options.timeoutMs !== undefined) integer('timeoutMs', options.timeoutMs, 0, longestTimeoutMs);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#closing = this.#close(options);
    this[internalsKey].isClosing = true;
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: CloseOptions): Promise<void> {
    const { publishLink, consumeLink, publishers, consumers, readers, relays, topology, effects } = this[internalsKey];
    await Promise.allSettled([...consumers, ...readers].map((member) => member.close(options)));
    await Promise.allSettled([...relays].map((relay) => relay.close(options)));
    await Promise.allSettled([...publishers].map((publisher) => publisher.close(options)));
    this.#login.close();
    const deadline = effects.clock.deadline(closeHandshakeMs);
    await topology.close(deadline);
    await Promise.all([publishLink.close(deadline), consumeLink.close(deadline)]);
  }

  /** Once for each version that is met: a cluster may be in the middle of an upgrade. */
  #noteBroker(version: string): void {
    if (this.#versions.has(version)) return;
    this.#versions.add(version);
    const { label, supported, knownBugs } = brokerTraits(version);
    const { log } = this[internalsKey];
    if (!supported) log.warn({ broker: label }, 'this broker is none that Surehop is tested with');
    for (const bug of knownBugs)
      log.warn({ broker: label, bug }, 'this broker has a bug that can lose or strand messages');
  }

  #noteState(): void {
    const { publishLink, consumeLink, log } = this[internalsKey];
    const before = this.#state;
    this.#state = worseOf(consumeLink.state, publishLink.state);
    if (this.#state === before) return;
    const onFailed = (thrown: unknown): void => log.warn(errorFields(thrown), 'a state listener failed');
    for (const listener of [...this.#listeners]) callUser(() => listener(this.#state, before), onFailed);
  }

  #renew(password: string): void {
    const { publishLink, consumeLink, effects, log, options } = this[internalsKey];
    for (const { role, session } of [publishLink, consumeLink]) {
      session?.updateSecret(password, effects.clock.deadline(options.rpcTimeoutMs)).then(
        () => log.info({ link: role, host: session.host }, 'credentials were renewed'),
        (thrown: unknown) => log.warn({ link: role, ...errorFields(thrown) }, 'renewed credentials were not taken'),
      );
    }
  }
}

function linkHealth({ state, session }: Link): LinkHealth {
  return { phase: state.phase, host: session?.host, blocked: session?.blocked ?? 'unknown' };
}

function managementOf({ managementUrl, hosts }: ResolvedConnectOptions, { clock }: Effects): ManagementApi | undefined {
  const [host] = hosts;
  if (managementUrl === undefined || host === undefined) return undefined;
  return new ManagementApi(managementUrl, host, (delayMs) => clock.deadline(delayMs));
}
