import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const channel = 'net.client.socket';

/** The sockets that this process opens to a port, from now on. */
export class ClientSockets implements Disposable {
  readonly #port: number;
  readonly #open = new Set<Socket>();
  #opened = 0;

  constructor(port: number) {
    this.#port = port;
    subscribe(channel, this.#note);
  }

  /** How many are connected now. A socket that was given up and not destroyed counts. */
  get connected(): number {
    return this.#open.size;
  }

  /** How many ever were. */
  get opened(): number {
    return this.#opened;
  }

  [Symbol.dispose](): void {
    unsubscribe(channel, this.#note);
  }

  readonly #note = (event: unknown): void => {
    const { socket } = event as { socket: Socket };
    socket.once('connect', () => {
      if (socket.remotePort !== this.#port) return;
      this.#opened += 1;
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    });
  };
}
