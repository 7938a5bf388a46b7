import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** What a node tells when it registers. Passed on as it came to whoever asks for it. */
interface Registration {
  readonly port: number;
  /** Node type, protocol, highest and lowest version of the distribution. */
  readonly traits: Buffer;
  readonly extra: Buffer;
}

// Names and numbers of the Erlang distribution protocol's page.
const requests = { register: 120, lookup: 122, names: 110, stop: 107 } as const;
const answers = { registered: 121, registeredX: 118, found: 119 } as const;
const firstVersionWithLongCreation = 6;

/**
 * Erlang's port mapper (epmd), of one node only: that node and its `rabbitmqctl` register here and ask nobody else for
 * the way to other nodes. Where it leads them decides which connections there are between nodes.
 */
export class PortMapper {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #registrations = new Map<string, Registration>();
  readonly #way: (name: string) => number | undefined;

  /**
   * Resolves when it listens, on 127.0.0.1. It does not keep the process from ending.
   *
   * @param way the port that leads to a node that is not registered here; undefined where there is none
   */
  static async start(port: number, way: (name: string) => number | undefined): Promise<PortMapper> {
    const mapper = new PortMapper(way);
    mapper.#server.listen(port, '127.0.0.1');
    await once(mapper.#server, 'listening');
    return mapper;
  }

  private constructor(way: (name: string) => number | undefined) {
    this.#way = way;
    this.#server = createServer((socket) => this.#join(socket.unref())).unref();
  }

  /** Whether a node of this name, without its host, runs and has registered here. */
  has(name: string): boolean {
    return this.#registrations.has(name);
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(socket: Socket): void {
    this.#sockets.add(socket);
    let received = Buffer.alloc(0);
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.#sockets.delete(socket));
    const read = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      socket.off('data', read);
      socket.resume(); // its end is to be noticed
      try {
        this.#answer(socket, received.subarray(2, 2 + received.readUInt16BE(0)));
      } catch {
        socket.destroy(); // shorter than it says
      }
    };
    socket.on('data', read);
  }

  #answer(socket: Socket, request: Buffer): void {
    switch (request.readUInt8(0)) {
      case requests.register:
        this.#register(socket, request);
        return;
      case requests.lookup:
        socket.end(this.#found(request.toString('utf8', 1)));
        return;
      case requests.names:
        socket.end(this.#names());
        return;
      case requests.stop:
        // Whoever has started it ends it; to everybody else it is no longer there.
        socket.end(this.#registrations.size === 0 ? 'OK' : 'NO');
        return;
      default:
        socket.destroy();
    }
  }

  /** The connection lasts as long as the registration: its end is the node's. */
  #register(socket: Socket, request: Buffer): void {
    const nameEnd = 11 + request.readUInt16BE(9);
    const name = request.toString('utf8', 11, nameEnd);
    const isLong = request.readUInt16BE(5) >= firstVersionWithLongCreation;
    const creation = isLong ? numberOf(4, randomInt(4, 2 ** 32)) : numberOf(2, randomInt(1, 4));
    const result = this.#registrations.has(name) ? 1 : 0;
    if (result === 0) {
      const extra = request.subarray(nameEnd + 2, nameEnd + 2 + request.readUInt16BE(nameEnd));
      this.#registrations.set(name, { port: request.readUInt16BE(1), traits: request.subarray(3, 9), extra });
      socket.on('close', () => this.#registrations.delete(name));
    }
    const kind = isLong ? answers.registeredX : answers.registered;
    socket.write(Buffer.concat([Buffer.from([kind, result]), creation]));
  }

  #found(name: string): Buffer {
    const here = this.#registrations.get(name);
    const port = here?.port ?? this.#way(name);
    if (port === undefined) return Buffer.from([answers.found, 1]);
    // A node that is not ours says the same of itself: they are all of one release.
    const { traits, extra } = here ?? [...this.#registrations.values()][0] ?? unknownTraits;
    const encoded = Buffer.from(name);
    return Buffer.concat([
      Buffer.from([answers.found, 0]),
      numberOf(2, port),
      traits,
      numberOf(2, encoded.length),
      encoded,
      numberOf(2, extra.length),
      extra,
    ]);
  }

  #names(): Buffer {
    const lines = [...this.#registrations].map(([name, { port }]) => `name ${name} at port ${port}\n`);
    const { port } = this.#server.address() as { port: number };
    return Buffer.concat([numberOf(4, port), Buffer.from(lines.join(''))]);
  }
}

/** A visible node that speaks TCP over IPv4, of any version since Erlang 23. */
const unknownTraits: Pick<Registration, 'traits' | 'extra'> = {
  traits: Buffer.from([77, 0, 0, 6, 0, 5]),
  extra: Buffer.alloc(0),
};

function numberOf(bytes: 2 | 4, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}
