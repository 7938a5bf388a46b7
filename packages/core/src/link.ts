import pRetry from 'p-retry';
import { type Backoff, fullJitter } from './backoff.ts';
import { type DialFailure, dialFailure, mostTelling } from './dial-failure.ts';
import type { Driver, DriverLink } from './driver.ts';
import { type Effects, limited, sleep } from './effects.ts';
import { asError, SurehopError } from './errors.ts';
import type { Host } from './hosts.ts';
import { LinkSession } from './link-session.ts';
import {
  initialLinkState,
  type LinkEvent,
  type LinkRole,
  type LinkState,
  type StateListener,
  transition,
  type Unsubscribe,
} from './link-state.ts';
import { errorFields, type Logger } from './logger.ts';
import type { Login } from './login.ts';
import type { ResolvedConnectOptions } from './options.ts';
import { callUser } from './user-callback.ts';

export interface LinkOptions {
  readonly role: LinkRole;
  readonly options: ResolvedConnectOptions;
  readonly hosts: readonly Host[];
  readonly login: Login;
  readonly driver: Driver;
  readonly effects: Effects;
  readonly log: Logger;
}

interface Dialled {
  readonly link: DriverLink;
  readonly host: Host;
  readonly username: string | undefined;
}

/** A session shorter than this does not count as a success: the delays go on growing. */
const goodSessionMs = 1_000;
const reconnectBaseMs = 100;

/** One TCP connection, made again whenever it is lost. The only owner of reconnection. */
export class Link {
  readonly role: LinkRole;
  readonly #given: LinkOptions;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<StateListener>();
  #state: LinkState = initialLinkState;
  #session: LinkSession | undefined;
  #hostIndex = 0;
  /** Failures in a row; carried over sessions that ended at once. */
  #failures = 0;
  #reconnecting: Promise<void> = Promise.resolve();

  constructor(given: LinkOptions) {
    this.#given = given;
    this.role = given.role;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The session in use, if there is one now. */
  get session(): LinkSession | undefined {
    return this.#session;
  }

  onStateChange(listener: StateListener): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves with the next open session (the present one, if it is open); rejects when the signal or the link ends. */
  whenOpen(signal: AbortSignal): Promise<LinkSession> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        unsubscribe();
        signal.removeEventListener('abort', check);
        finish();
      };
      const check = (): void => {
        const session = this.#session;
        if (signal.aborted) settle(() => reject(signal.reason));
        else if (this.#state.phase === 'closed') settle(() => reject(closedError()));
        else if (session?.isOpen) settle(() => resolve(session));
      };
      const unsubscribe = this.onStateChange(check);
      signal.addEventListener('abort', check, { once: true });
      check();
    });
  }

  /**
   * The first connect: tries every host once, and goes on until `waitMs` have passed where a host cannot be reached.
   *
   * @throws {SurehopError} the most telling failure; at once for a wrong login, virtual host or certificate
   */
  async open(waitMs: number): Promise<void> {
    const { clock } = this.#given.effects;
    const { hosts } = this.#given;
    const giveUpAt = clock.now() + waitMs;
    const failures: DialFailure[] = [];
    const again = (failure: DialFailure, attempt: number): boolean => {
      failures.push(failure);
      if (failure.permanent) return false;
      return attempt < hosts.length || (waitMs > 0 && clock.now() < giveUpAt);
    };
    try {
      await this.#connect(again);
    } catch (thrown) {
      throw failures.length === 0 ? thrown : mostTelling(failures).error;
    }
  }

  /** Leaves the present session for another host, where there is one. True when it did. */
  leave(session: LinkSession, cause: Error): boolean {
    if (this.#given.hosts.length < 2 || session !== this.#session || !session.isOpen) return false;
    session.destroy(cause);
    return true;
  }

  /** Closes with a handshake until the signal aborts, then destroys the socket. Safe to call twice. */
  async close(signal: AbortSignal): Promise<void> {
    this.#closing.abort(closedError());
    const session = this.#session;
    this.#dispatch({ type: 'close' });
    await session?.close(signal);
    await this.#reconnecting;
  }

  /** Dials hosts in turn until one opens, or `again` says no. */
  async #connect(again: (failure: DialFailure, attempt: number) => boolean): Promise<void> {
    const { clock } = this.#given.effects;
    let failure: DialFailure | undefined;
    let tries = 0;
    const attempt = async (): Promise<void> => {
      tries += 1;
      failure = undefined;
      if (this.#state.phase === 'waiting') this.#dispatch({ type: 'retry' });
      try {
        const dialled = await this.#dial();
        if (this.#closing.signal.aborted) {
          dialled.link.destroy();
          throw closedError();
        }
        this.#opened(dialled);
      } catch (thrown) {
        failure = thrown instanceof LinkFailure ? thrown.failure : undefined;
        this.#failures += 1;
        this.#dispatch({ type: 'failed', cause: failure?.error ?? asError(thrown) });
        // p-retry gives up on a TypeError: what it sees is always ours.
        throw failure === undefined ? new Error('connecting failed', { cause: thrown }) : thrown;
      }
    };
    let goOn = false;
    await pRetry(attempt, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 0,
      onFailedAttempt: async () => {
        goOn = !this.#closing.signal.aborted && failure !== undefined && again(failure, tries);
        if (!goOn || failure === undefined) return;
        await sleep(clock, this.#delay(failure), this.#closing.signal).catch(() => undefined);
      },
      shouldRetry: () => goOn && !this.#closing.signal.aborted,
    });
  }

  /** No waiting within a round of hosts; full jitter between rounds. */
  #delay(failure: DialFailure): number {
    const { effects, hosts, options } = this.#given;
    const round = Math.ceil(this.#failures / hosts.length);
    // A virtual host that was open before is at its connection limit until the broker has noticed which are dead.
    const isSlow = failure.permanent && !(failure.error.code === 'SUREHOP_VHOST_REFUSED' && this.#state.generation > 0);
    if (this.#failures % hosts.length !== 0 && !isSlow) return 0;
    const maxMs = isSlow ? options.refusedMaxDelayMs : options.reconnectMaxDelayMs;
    const baseMs = isSlow ? options.reconnectMaxDelayMs : reconnectBaseMs;
    const backoff: Backoff = fullJitter({ baseMs, maxMs, random: effects.random });
    return backoff(round);
  }

  async #dial(): Promise<Dialled> {
    const { driver, options, hosts, login, effects, role } = this.#given;
    const host = hosts[this.#hostIndex % hosts.length] as Host;
    this.#hostIndex += 1;
    const { signal: deadline, clear } = limited(effects.clock, options.connectTimeoutMs, this.#closing.signal);
    try {
      const identity = await login.current(host, deadline);
      const link = await driver.dial(
        {
          host: host.hostname,
          port: host.port,
          vhost: host.vhost,
          login: identity,
          tls: host.tls ? { ...options.tls } : undefined,
          heartbeatSeconds: host.heartbeatSeconds ?? options.heartbeatSeconds,
          frameMaxBytes: host.frameMaxBytes ?? 131_072,
          clientProperties: { connection_name: `${options.name} (${role})` },
        },
        deadline,
      );
      return { link, host, username: identity === 'external' ? undefined : identity.username };
    } catch (thrown) {
      const failure = dialFailure(asError(thrown), host);
      if (failure.error.code === 'SUREHOP_LOGIN_REFUSED') login.refused();
      throw new LinkFailure(failure);
    } finally {
      clear();
    }
  }

  #opened({ link, host: { hostname, port }, username }: Dialled): void {
    const { effects, log, role } = this.#given;
    const openedAt = effects.clock.now();
    const host = `${hostname}:${port}`;
    const session = new LinkSession({
      link,
      host,
      role,
      username,
      generation: this.#state.generation + 1,
      otherHosts: this.#given.hosts.length - 1,
      log,
      onStalled: (stalledMs) => this.#onStalled(session, stalledMs),
      onLost: (cause) => {
        this.#failures = effects.clock.now() - openedAt >= goodSessionMs ? 0 : this.#failures + 1;
        this.#onLost(cause);
      },
    });
    this.#session = session;
    this.#dispatch({ type: 'opened', host });
    session.start();
  }

  #onLost(cause: Error): void {
    this.#session = undefined;
    if (this.#closing.signal.aborted) return;
    this.#dispatch({ type: 'lost', cause });
    this.#reconnecting = this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    const { clock, random } = this.#given.effects;
    const { reconnectMaxDelayMs } = this.#given.options;
    const backoff = fullJitter({ baseMs: reconnectBaseMs, maxMs: reconnectMaxDelayMs, random });
    // The first attempt after a loss is spread too, or a fleet comes back in one instant.
    await sleep(clock, backoff(this.#failures + 1), this.#closing.signal).catch(() => undefined);
    if (this.#closing.signal.aborted) return;
    await this.#connect(() => true).catch((thrown: unknown) => {
      if (!this.#closing.signal.aborted) this.#given.log.error(errorFields(thrown), 'reconnecting ended');
    });
  }

  #onStalled(session: LinkSession, stalledMs: number): void {
    const { log, role } = this.#given;
    const cause = new Error(`${session.host} has confirmed nothing for ${stalledMs} ms`);
    const left = this.leave(session, cause);
    log.warn(
      { link: role, host: session.host, stalledMs, left },
      'the broker confirms nothing, though it is connected and not blocked',
    );
  }

  /** The only writer of `#state`. */
  #dispatch(event: LinkEvent): void {
    const before = this.#state;
    const now = transition(before, event);
    if (now === before) return;
    this.#state = now;
    this.#logChange(now, before);
    const onFailed = (thrown: unknown): void => this.#given.log.warn(errorFields(thrown), 'a state listener failed');
    for (const listener of [...this.#listeners]) callUser(() => listener(now, before), onFailed);
  }

  #logChange(now: LinkState, before: LinkState): void {
    const { log, role } = this.#given;
    const fields = { link: role, from: before.phase, to: now.phase, generation: now.generation };
    if (now.phase === 'waiting')
      log.warn({ ...fields, ...errorFields(now.cause), attempt: now.attempt }, 'link is down');
    else if (now.phase === 'open') {
      const level = now.generation > 1 ? 'warn' : 'info';
      log[level]({ ...fields, host: now.host }, now.generation > 1 ? 'link is open again' : 'link is open');
    } else log.info(fields, `link is ${now.phase}`);
  }
}

/** Carries a classified failure through p-retry. */
class LinkFailure extends Error {
  readonly failure: DialFailure;

  constructor(failure: DialFailure) {
    super(failure.error.message, { cause: failure.error });
    this.failure = failure;
  }
}

function closedError(): SurehopError {
  return new SurehopError('SUREHOP_CLOSED', 'the connection was closed by close(); nothing is sent any more', {
    retryable: false,
  });
}
