import type { HeaderTable, MessageProperties } from '@surehop/core';
import {
  type BindingDeclaration,
  type Clock,
  type DialTarget,
  type Driver,
  DriverError,
  type DriverLink,
  type ExchangeDeclaration,
} from '@surehop/core/internal';
import { type Asked, answered } from './answer.ts';
import { BrokerTime } from './broker-time.ts';
import { ClientLink } from './client-link.ts';
import type { Entry } from './message.ts';
import { MemoryNetwork } from './network.ts';
import { ProtocolError } from './protocol-error.ts';
import type { PolicyDefinition } from './queue-settings.ts';
import { type Release, releaseOf } from './release.ts';
import { messageOf, visibleHeaders } from './server-channel.ts';
import { ServerConnection } from './server-connection.ts';
import { MemoryVhost } from './vhost.ts';

export interface MemoryBrokerOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). It decides what a crash leaves of the last writes, and when a silence is noticed. */
  readonly random: () => number;
  /**
   * The release whose ways it follows: 3.10 to 4.3.
   * @default '4.3.6'
   */
  readonly version?: string;
  /**
   * How long a write takes until it is confirmed, in milliseconds, asked for each.
   * @default always 0
   */
  readonly writeMs?: () => number;
  /**
   * Who may log in, by name and password.
   * @default everybody
   */
  readonly users?: Readonly<Record<string, string>>;
}

export type Alarm = 'memory' | 'disk';

/** A message in a queue, as an operator sees it. */
export interface QueuedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Uint8Array;
  readonly properties: MessageProperties;
  readonly headers: HeaderTable;
  readonly redelivered: boolean;
}

/** What an operator sees of a queue. */
export interface QueueCounts {
  /** Published, and not confirmed yet. */
  readonly writing: number;
  readonly ready: number;
  readonly unacked: number;
  /** Dead letters that wait for the queue they go to: neither ready nor with a consumer. */
  readonly deadLettering: number;
  readonly consumers: number;
}

export interface PublishedMessage {
  readonly content: Uint8Array;
  readonly properties?: MessageProperties;
  readonly headers?: HeaderTable;
}

/** A RabbitMQ node in memory, with one virtual host, behind core's driver port. Time is the clock's. */
export class MemoryBroker {
  readonly #options: MemoryBrokerOptions;
  readonly #release: Release;
  readonly #time: BrokerTime;
  readonly #vhost: MemoryVhost;
  readonly #connections = new Set<ServerConnection>();
  readonly #alarms = new Set<Alarm>();
  #isUp = true;

  /** @throws {RangeError} for a version that is none of 3.10 to 4.3 */
  constructor(options: MemoryBrokerOptions) {
    this.#options = options;
    this.#release = releaseOf(options.version ?? '4.3.6');
    this.#time = new BrokerTime(options.clock);
    const { random } = options;
    this.#vhost = new MemoryVhost({ time: this.#time, release: this.#release, random, writeMs: this.#writeMs });
  }

  get version(): string {
    return this.#release.version;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** One for all clients that share a network. */
  driver(network: MemoryNetwork = new MemoryNetwork()): Driver {
    return { dial: (target, signal) => this.#dial(network, target, signal) };
  }

  /** A power cut: every connection is reset, and nobody knows what of the last writes has come to the disk. */
  kill(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    const connections = [...this.#connections];
    this.#connections.clear();
    for (const connection of connections) connection.abandon();
    for (const queue of this.#vhost.queues) queue.crash();
    this.#time.end();
    for (const { line } of connections) line.reset();
  }

  /** Shut down in order: everybody is told, everything is kept. */
  stop(): void {
    if (!this.#isUp) return;
    for (const queue of this.#vhost.queues) queue.flush();
    this.closeConnections("broker forced connection closure with reason 'shutdown'");
    this.kill();
  }

  start(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    for (const queue of this.#vhost.queues) queue.restart();
  }

  /** Nothing is read, answered or timed; sockets stay open. */
  freeze(): void {
    this.#time.freeze();
    for (const { line } of this.#connections) line.watch('to-client');
  }

  resume(): void {
    for (const { line } of this.#connections) line.unwatch('to-client');
    this.#time.thaw();
  }

  /** While there is one, nothing more is read from a connection that publishes. */
  setAlarm(alarm: Alarm, isOn: boolean): void {
    if (isOn) this.#alarms.add(alarm);
    else this.#alarms.delete(alarm);
    if (this.#alarms.size === 0) for (const connection of this.#connections) connection.unblock();
  }

  /** As an operator does. */
  closeConnections(reason = 'Closed via management plugin'): void {
    for (const connection of [...this.#connections]) connection.close(new ProtocolError(320, reason));
  }

  /** As a queue does that loses its leader. */
  cancelConsumers(queue: string): void {
    this.#vhost.queue(queue).cancelConsumers();
  }

  declareQueue(name: string, args: HeaderTable = {}): void {
    this.#vhost.declareQueue(name, args);
  }

  declareExchange(declaration: ExchangeDeclaration): void {
    this.#vhost.declareExchange(declaration);
  }

  bind(binding: BindingDeclaration): void {
    this.#vhost.bind(binding);
  }

  /** @param routingKey every binding between the two where it is left out */
  unbind(exchange: string, queue: string, routingKey?: string): void {
    this.#vhost.unbind(exchange, queue, routingKey);
  }

  deleteQueue(name: string): void {
    this.#vhost.deleteQueue(name);
  }

  deleteExchange(name: string): void {
    this.#vhost.deleteExchange(name);
  }

  /**
   * An empty definition takes the policy away.
   *
   * @throws {RangeError} for a key that it does not follow, with those that it does
   */
  setPolicy(name: string, pattern: string, definition: PolicyDefinition): void {
    this.#vhost.setPolicy(name, pattern, definition);
  }

  /**
   * As another client does. True when a queue was bound for it and took it.
   *
   * @throws {ProtocolError} 404 when there is no such exchange
   */
  publish(exchange: string, routingKey: string, { content, properties = {}, headers }: PublishedMessage): boolean {
    const message = messageOf({ exchange, routingKey, content, properties, headers }, this.#release);
    const queues = this.#vhost.route(message);
    let isRefused = false;
    for (const queue of queues) {
      queue.enqueue(message, (stored) => {
        isRefused ||= !stored;
      });
    }
    return queues.length > 0 && !isRefused;
  }

  queues(): string[] {
    return [...this.#vhost.queues].map(({ name }) => name).toSorted();
  }

  /** Whether nothing is ready, with a consumer or on its way to another queue. @param except whose messages stay */
  isEmpty(...except: readonly string[]): boolean {
    for (const queue of this.#vhost.queues) {
      if (queue.deadLettering > 0) return false;
      if (!except.includes(queue.name) && queue.ready.length + queue.unacked > 0) return false;
    }
    return true;
  }

  /** @throws {ProtocolError} 404 */
  queue(name: string): QueueCounts {
    const { writing, ready, unacked, deadLettering, consumers } = this.#vhost.queue(name);
    return { writing, ready: ready.length, unacked, deadLettering, consumers };
  }

  /**
   * Everything in a queue, in its order, delivered or not.
   *
   * @throws {ProtocolError} 404
   */
  messages(name: string): QueuedMessage[] {
    const { entries, settings } = this.#vhost.queue(name);
    return entries.map((entry) => this.#seen(entry, settings.type === 'quorum'));
  }

  readonly #writeMs = (): number => this.#options.writeMs?.() ?? 0;

  #seen(entry: Entry, isQuorum: boolean): QueuedMessage {
    const { exchange, routingKey, content, properties } = entry.message;
    const headers = visibleHeaders(entry, isQuorum, this.#release);
    return { exchange, routingKey, content, properties, headers, redelivered: entry.redelivered };
  }

  async #dial(network: MemoryNetwork, target: DialTarget, signal: AbortSignal): Promise<DriverLink> {
    signal.throwIfAborted();
    const { clock, random } = this.#options;
    if (!this.#isUp || network.refuses) {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, network.latencyMs()));
      throw refused(target);
    }
    const line = network.open(clock, random, target.heartbeatSeconds * 1_000);
    const ask = ({ answer, refuse }: Asked<DriverLink>): void => {
      const { time, link, connection } = this.#pair(line, target, refuse);
      line.send('to-broker', 0, 'connection.open', () => {
        time.run(() => {
          const error = this.#loginError(target);
          if (error !== undefined) return this.#refuseLogin(line, refuse, error);
          this.#connections.add(connection);
          line.send('to-client', 0, 'connection.open-ok', () => answer(link));
        });
      });
      if (time.isFrozen) line.watch('to-client');
    };
    const timedOut = (): DriverError =>
      new DriverError('socket', 'timed out without an answer', { isUnanswered: true, cause: signal.reason });
    try {
      return await answered(signal, ask, timedOut);
    } catch (thrown) {
      line.endFrom('client');
      throw thrown;
    }
  }

  #pair(
    line: ReturnType<MemoryNetwork['open']>,
    { frameMaxBytes }: DialTarget,
    onLost: (cause: DriverError) => void,
  ): { time: BrokerTime; link: ClientLink; connection: ServerConnection } {
    const time = this.#time;
    const connection: ServerConnection = new ServerConnection({
      line,
      time,
      vhost: this.#vhost,
      release: this.#release,
      writeMs: this.#writeMs,
      peer: {
        blocked: (reason) => link.blocked(reason),
        unblocked: () => link.unblocked(),
        closed: (error) => link.closed(error),
      },
      alarm: () => [...this.#alarms].map((alarm) => `low on ${alarm}`).join(' & ') || undefined,
      onEnded: () => this.#connections.delete(connection),
    });
    const link: ClientLink = new ClientLink({
      line,
      server: connection,
      vhost: this.#vhost,
      serverVersion: this.version,
      frameMax: frameMaxBytes,
    });
    const lost = (message: string): void => {
      onLost(new DriverError('socket', message));
      link.lost(message);
    };
    line.connect({
      'to-broker': {
        onGone: () => time.run(() => connection.end()),
        onSilence: () => {
          connection.end();
          line.endFrom('broker');
        },
      },
      'to-client': {
        onGone: (how) => lost(how === 'reset' ? 'read ECONNRESET' : 'Unexpected close'),
        onSilence: () => lost('Heartbeat timeout'),
      },
    });
    return { time, link, connection };
  }

  /** What the broker says of the login is all that amqplib tells of it. */
  #loginError({ login, vhost }: DialTarget): string | undefined {
    const { users } = this.#options;
    const isKnown = users === undefined || (login !== 'external' && users[login.username] === login.password);
    if (!isKnown)
      return 'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN."';
    if (vhost !== '/') return 'Expected ConnectionOpenOk; got <ConnectionClose channel:0>';
    return undefined;
  }

  #refuseLogin(line: ReturnType<MemoryNetwork['open']>, reject: (cause: DriverError) => void, text: string): void {
    line.send('to-client', 0, 'connection.close', () => reject(new DriverError('connection', text)));
  }
}

function refused({ host, port }: DialTarget): DriverError {
  const cause = Object.assign(new Error(`connect ECONNREFUSED ${host}:${port}`), { code: 'ECONNREFUSED' });
  return new DriverError('socket', cause.message, { cause });
}
