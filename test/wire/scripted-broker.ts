import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { amqplibDriver, type Driver, type DriverLink } from '@surehop/core/internal';
import { type Frame, framesIn, methodFrame } from '../connection/frame-relay.ts';

export interface ScriptedBrokerOptions {
  /** In bytes. @default 131_072 */
  readonly frameMax?: number;
}

/** One client of a scripted broker. */
export interface Client {
  readonly socket: Socket;
  /** What came after `connection.open`, without what opens and closes channels. */
  readonly frames: Frame[];
  /** How often the socket gave something to read after `connection.open`. */
  reads: number;
  confirm(channel: number, sequence: number, multiple: boolean): void;
}

/** A socket that greets as a broker does, opens and closes what it is asked to, and keeps every other frame. */
export class ScriptedBroker implements AsyncDisposable {
  readonly clients: Client[] = [];
  readonly #server: Server;

  private constructor(options: ScriptedBrokerOptions) {
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket, options.frameMax ?? 131_072));
  }

  static async start(options: ScriptedBrokerOptions = {}): Promise<ScriptedBroker> {
    const broker = new ScriptedBroker(options);
    broker.#server.listen(0, '127.0.0.1');
    await once(broker.#server, 'listening');
    return broker;
  }

  /** A link to it, and what it gets from there. */
  async dial(driver: Driver = amqplibDriver()): Promise<{ link: DriverLink; client: Client }> {
    const { port } = this.#server.address() as AddressInfo;
    const login = { username: 'guest', password: 'guest' };
    const rest = { tls: undefined, heartbeatSeconds: 0, frameMaxBytes: 0, clientProperties: {} };
    const target = { host: '127.0.0.1', port, vhost: '/', login, ...rest };
    const link = await driver.dial(target, AbortSignal.timeout(5_000));
    const client = this.clients.at(-1);
    if (client === undefined) throw new Error('bug: a link without a client');
    return { link, client };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const { socket } of this.clients) socket.destroy();
    await closed;
  }

  #serve(socket: Socket, frameMax: number): void {
    const client: Client = {
      socket,
      frames: [],
      reads: 0,
      confirm(channel, sequence, multiple) {
        const fields = Buffer.alloc(9);
        fields.writeBigUInt64BE(BigInt(sequence));
        fields[8] = multiple ? 1 : 0;
        socket.write(methodFrame(channel, '60.80', fields));
      },
    };
    const parse = framesIn();
    let isOpen = false;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      if (isOpen) client.reads += 1;
      for (const frame of parse(bytes)) {
        const answer = answerTo(frame, frameMax);
        if (answer === undefined) client.frames.push(frame);
        else socket.write(answer);
        if (frame.method === '10.40') isOpen = true;
      }
    });
    this.clients.push(client);
  }
}

const nothing = Buffer.alloc(0);

/** Undefined for what the script does not know; empty for what has no answer. */
function answerTo({ channel, method, bytes }: Frame, frameMax: number): Buffer | undefined {
  if (bytes.subarray(0, 4).equals(Buffer.from('AMQP'))) return methodFrame(0, '10.10', greeting);
  switch (method) {
    case '10.11':
      return methodFrame(0, '10.30', tune(frameMax));
    case '10.31':
      return nothing;
    case '10.40':
      return methodFrame(0, '10.41', Buffer.alloc(1));
    case '10.50':
      return methodFrame(0, '10.51', nothing);
    case '20.10':
      return methodFrame(channel, '20.11', Buffer.alloc(4));
    case '20.40':
      return methodFrame(channel, '20.41', nothing);
    case '85.10':
      return methodFrame(channel, '85.11', nothing);
    default:
      return undefined;
  }
}

/** Protocol 0-9, no server properties, PLAIN, en_US. */
const greeting = Buffer.concat([
  Buffer.from([0, 9, 0, 0, 0, 0]),
  Buffer.from([0, 0, 0, 5]),
  Buffer.from('PLAIN'),
  Buffer.from([0, 0, 0, 5]),
  Buffer.from('en_US'),
]);

function tune(frameMax: number): Buffer {
  const fields = Buffer.alloc(8);
  fields.writeUInt16BE(2_047, 0);
  fields.writeUInt32BE(frameMax, 2);
  return fields;
}
