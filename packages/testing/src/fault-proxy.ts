import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './port.ts';
import { type Direction, ProxiedLane, type Weather } from './proxied-lane.ts';
import { reset } from './socket-reset.ts';

/** Where a proxy leads. A `Broker` or a `BrokerNode` is one. */
export interface ProxyTarget {
  /** @default '127.0.0.1' */
  readonly host?: string;
  readonly port: number;
}

interface Connection {
  readonly client: Socket;
  readonly broker: Socket;
  readonly lanes: Readonly<Record<Direction, ProxiedLane>>;
}

const host = '127.0.0.1';

/**
 * A TCP proxy in front of a real broker that can misbehave on command. It loses no byte and changes no order unless it
 * was told to; its faults add up, and last until `heal()`.
 */
export class FaultProxy implements AsyncDisposable {
  /** Where clients connect to. */
  readonly host: string = host;
  readonly port: number;
  readonly #target: ProxyTarget;
  readonly #weather: Weather = { lost: new Set(), delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };
  readonly #connections = new Set<Connection>();
  #server: Server | undefined;
  #keepsProcess = true;

  /** Resolves when it listens, on a free port of 127.0.0.1. It connects to the target when a client connects to it. */
  static async start(target: ProxyTarget): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, await freePort());
    const server = proxy.#listen();
    await once(server, 'listening');
    return proxy;
  }

  private constructor(target: ProxyTarget, port: number) {
    this.#target = target;
    this.port = port;
  }

  /** How many clients are connected. */
  get connections(): number {
    return [...this.#connections].filter(({ client }) => !client.destroyed).length;
  }

  /** Resets every connection, as a crashing broker or a killed pod does. New ones are served. */
  cut(): void {
    for (const connection of this.#connections) resetBoth(connection);
  }

  /**
   * Reads and discards both ways, on today's connections and on new ones, until `heal()`, as a dropped route does. Only
   * heartbeats notice: neither side learns that the other one closes.
   */
  blackhole(): void {
    this.swallow('to-broker');
    this.swallow('to-client');
  }

  /** As `blackhole()`, one way only: what goes `to-client` is, for one, every confirm. */
  swallow(direction: Direction): void {
    this.#weather.lost.add(direction);
    for (const { lanes } of this.#connections) lanes[direction].lose();
  }

  /** Passes everything on so many milliseconds later, both ways, in order. */
  delay(delayMs: number): void {
    this.#weather.delayMs = delayMs;
  }

  /**
   * Passes on no more than so many bytes per second, above 0, each way of each connection, and makes whoever sends more
   * wait, as a line does that is too narrow.
   */
  trickle(bytesPerSecond: number): void {
    this.#weather.bytesPerSecond = bytesPerSecond;
  }

  /** Refuses new connections; today's go on. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /**
   * Ends every fault. What is on its way arrives at once, an end of a connection that was kept from the other side as
   * well. A connection of which bytes were discarded is reset: TCP repeats them or ends it, and never goes on behind a
   * gap. Where one falls between two frames, the broker would number what comes behind it as if nothing were missing, and
   * confirm by those numbers what it never got.
   */
  heal(): void {
    this.#weather.lost.clear();
    this.#weather.delayMs = 0;
    this.#weather.bytesPerSecond = Number.POSITIVE_INFINITY;
    for (const connection of this.#connections) {
      const { 'to-broker': out, 'to-client': back } = connection.lanes;
      if (out.hasLost || back.hasLost) {
        resetBoth(connection);
      } else {
        out.heal();
        back.heal();
      }
    }
    if (this.#server === undefined) this.#listen();
  }

  /** Lets the process end though the proxy is open, as `unref()` of a server does. */
  unref(): void {
    this.#keepsProcess = false;
    this.#server?.unref();
    for (const { client, broker } of this.#connections) {
      client.unref();
      broker.unref();
    }
  }

  /** Resets what is left. Safe to call twice. */
  async close(): Promise<void> {
    this.refuse();
    const closed = [...this.#connections].flatMap(({ client, broker }) => [untilClosed(client), untilClosed(broker)]);
    this.cut();
    await Promise.all(closed);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #listen(): Server {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#join(client));
    server.listen(this.port, host);
    if (!this.#keepsProcess) server.unref();
    this.#server = server;
    return server;
  }

  #join(client: Socket): void {
    const { host: targetHost = host, port } = this.#target;
    const broker = connect({ host: targetHost, port, allowHalfOpen: true, noDelay: true });
    const connection: Connection = {
      client,
      broker,
      lanes: {
        'to-broker': new ProxiedLane(client, broker, 'to-broker', this.#weather),
        'to-client': new ProxiedLane(broker, client, 'to-client', this.#weather),
      },
    };
    this.#connections.add(connection);
    for (const socket of [client, broker]) {
      if (!this.#keepsProcess) socket.unref();
      socket.on('close', () => {
        if (client.destroyed && broker.destroyed) this.#connections.delete(connection);
      });
    }
  }
}

function resetBoth({ client, broker }: Connection): void {
  reset(client);
  reset(broker);
}

async function untilClosed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}
