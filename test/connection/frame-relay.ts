import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** One AMQP 0-9-1 frame on its way. */
export interface Frame {
  readonly channel: number;
  /** Class and method id, for example `85.11` (confirm.select-ok); empty for what is no method. */
  readonly method: string;
  readonly bytes: Buffer;
}

/** What one side gets for a frame of the other: the frame itself, others, or nothing. */
export type Answer = (frame: Frame) => Buffer;

/** Stands between a client and a broker and can slip frames in, whole and in one piece with others. */
export class FrameRelay implements AsyncDisposable {
  readonly port: number;
  /** Changes what comes from the broker. */
  answer: Answer = ({ bytes }) => bytes;
  /** Changes what comes from a client. */
  request: Answer = ({ bytes }) => bytes;
  readonly #close: () => Promise<void>;
  readonly #clients: Socket[];

  private constructor(port: number, clients: Socket[], close: () => Promise<void>) {
    this.port = port;
    this.#clients = clients;
    this.#close = close;
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<FrameRelay> {
    const clients: Socket[] = [];
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (client) => {
      const broker = connect({ host: target.host, port: target.port, noDelay: true });
      clients.push(client);
      for (const [one, other] of [
        [client, broker],
        [broker, client],
      ] as const) {
        sockets.add(one);
        one.on('error', () => undefined).on('close', () => other.destroy());
      }
      pass(client, broker, (frame) => relay.request(frame));
      pass(broker, client, (frame) => relay.answer(frame));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const close = async (): Promise<void> => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    };
    const relay = new FrameRelay((server.address() as AddressInfo).port, clients, close);
    return relay;
  }

  /** Sends a frame to the clients, in the order in which they connected; to all of them, or to the last one. */
  slipIn(frame: Buffer, to: 'all' | 'last'): void {
    const open = this.#clients.filter(({ destroyed }) => !destroyed);
    for (const client of to === 'all' ? open : open.slice(-1)) client.write(frame);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

/** A method frame. */
export function methodFrame(channel: number, method: string, fields: Buffer): Buffer {
  const [classId = 0, methodId = 0] = method.split('.').map(Number);
  const head = Buffer.alloc(11);
  head.writeUInt8(1, 0);
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(4 + fields.length, 3);
  head.writeUInt16BE(classId, 7);
  head.writeUInt16BE(methodId, 9);
  return Buffer.concat([head, fields, Buffer.from([0xce])]);
}

/** `connection.close` (channel 0) or `channel.close`, as the broker sends it. */
export function closeFrame(channel: number, code: number, text: string): Buffer {
  const reply = Buffer.alloc(3);
  reply.writeUInt16BE(code, 0);
  reply.writeUInt8(text.length, 2);
  return methodFrame(
    channel,
    channel === 0 ? '10.50' : '20.40',
    Buffer.concat([reply, Buffer.from(text), Buffer.alloc(4)]),
  );
}

function pass(from: Socket, to: Socket, change: Answer): void {
  const parse = framesIn();
  from.on('data', (bytes) => {
    const out = Buffer.concat(parse(bytes).map(change));
    if (out.length > 0 && to.writable) to.write(out);
  });
}

/** What a client says before its first frame. */
const greeting = Buffer.from('AMQP');

/** Cuts what arrives into frames; the greeting of a client counts as one. */
export function framesIn(): (bytes: Buffer) => Frame[] {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    const frames: Frame[] = [];
    rest = Buffer.concat([rest, bytes]);
    if (rest.length >= 8 && rest.subarray(0, 4).equals(greeting)) {
      frames.push({ channel: 0, method: '', bytes: rest.subarray(0, 8) });
      rest = rest.subarray(8);
    }
    while (rest.length >= 8 && rest.length >= rest.readUInt32BE(3) + 8) {
      const frame = rest.subarray(0, rest.readUInt32BE(3) + 8);
      rest = rest.subarray(frame.length);
      const method = frame[0] === 1 ? `${frame.readUInt16BE(7)}.${frame.readUInt16BE(9)}` : '';
      frames.push({ channel: frame.readUInt16BE(1), method, bytes: frame });
    }
    return frames;
  };
}
