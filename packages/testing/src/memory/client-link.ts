import { type ChannelListeners, type DriverChannel, DriverError, type DriverLink } from '@surehop/core/internal';
import { type Asked, answered } from './answer.ts';
import { type ChannelLine, ClientChannel } from './client-channel.ts';
import type { Line } from './line.ts';
import type { ProtocolError } from './protocol-error.ts';
import type { ConnectionPeer, ServerConnection } from './server-connection.ts';
import type { MemoryVhost } from './vhost.ts';

export interface ClientLinkOptions {
  readonly line: Line;
  readonly server: ServerConnection;
  readonly vhost: MemoryVhost;
  readonly serverVersion: string;
  readonly frameMax: number;
}

/** The client's side of a connection: a `DriverLink`. */
export class ClientLink implements DriverLink, ConnectionPeer {
  readonly serverVersion: string;
  readonly frameMax: number;
  readonly #options: ClientLinkOptions;
  readonly #channels = new Map<number, ClientChannel>();
  readonly #channelLine: ChannelLine;
  #lastChannel = 0;
  #onBlocked: (reason: string) => void = () => undefined;
  #onUnblocked: () => void = () => undefined;
  #onClosed: ((cause: DriverError | undefined) => void) | undefined;
  #isClosing = false;
  #ended: { readonly cause: DriverError | undefined } | undefined;
  readonly #whenEnded: (() => void)[] = [];

  constructor(options: ClientLinkOptions) {
    this.#options = options;
    this.serverVersion = options.serverVersion;
    this.frameMax = options.frameMax;
    const { line, server, vhost } = options;
    this.#channelLine = {
      vhost,
      toBroker: (channel, method, read) =>
        line.send('to-broker', channel, method, () => server.receive(channel, read, method === 'basic.publish')),
      toClient: (channel, method, read) => line.send('to-client', channel, method, () => this.#read(read)),
      pauseReading: (forMs) => line.pauseReading(forMs),
      onChannelClosed: ({ number }) => this.#channels.delete(number),
    };
  }

  openChannel(listeners: ChannelListeners, signal: AbortSignal): Promise<DriverChannel> {
    if (this.#ended !== undefined) return Promise.reject(this.#endCause);
    this.#lastChannel += 1;
    const number = this.#lastChannel;
    const { server } = this.#options;
    const { toBroker, toClient } = this.#channelLine;
    let isGivenUp = false;
    const ask = ({ answer, refuse }: Asked<DriverChannel>): void => {
      this.#whenEnded.push(() => refuse(this.#endCause));
      toBroker(number, 'channel.open', () => {
        const channel = new ClientChannel(number, this.#channelLine, listeners);
        server.openChannel(number, channel.peer);
        toClient(number, 'channel.open-ok', () => {
          this.#channels.set(number, channel);
          // One that opens after all must not stay open behind our back.
          if (isGivenUp) void channel.close(AbortSignal.abort());
          else answer(channel);
        });
      });
    };
    return answered(signal, ask, () => {
      isGivenUp = true;
      return new DriverError('channel', 'timed out without an answer', { isUnanswered: true, cause: signal.reason });
    });
  }

  onBlocked(listener: (reason: string) => void): void {
    this.#onBlocked = listener;
  }

  onUnblocked(listener: () => void): void {
    this.#onUnblocked = listener;
  }

  onClosed(listener: (cause: DriverError | undefined) => void): void {
    this.#onClosed = listener;
    if (this.#ended !== undefined) this.#tellClosed();
  }

  updateSecret(_secret: string, signal: AbortSignal): Promise<void> {
    return this.#answered('connection.update-secret', () => undefined, signal);
  }

  async close(signal: AbortSignal): Promise<void> {
    this.#isClosing = true;
    const { server } = this.#options;
    await this.#answered('connection.close', () => server.end(), signal).catch(() => undefined);
    this.destroy();
  }

  destroy(cause?: DriverError): void {
    this.#options.line.endFrom('client');
    this.#end(cause ?? new DriverError('socket', 'the connection was destroyed'));
  }

  /** The socket has ended, or says nothing any more. */
  lost(message: string): void {
    this.#options.line.endFrom('client');
    this.#end(new DriverError('socket', message));
  }

  blocked(reason: string): void {
    this.#channelLine.toClient(0, 'connection.blocked', () => this.#onBlocked(reason));
  }

  unblocked(): void {
    this.#channelLine.toClient(0, 'connection.unblocked', () => this.#onUnblocked());
  }

  closed(error: ProtocolError): void {
    this.#channelLine.toClient(0, 'connection.close', () => {
      this.#options.line.endFrom('client');
      const text = `Connection closed: ${error.described}`;
      this.#end(new DriverError('connection', text, { replyCode: error.code, cause: error }));
    });
  }

  get #endCause(): DriverError {
    return this.#ended?.cause ?? new DriverError('socket', 'the connection is closed');
  }

  #read(read: () => void): void {
    if (this.#ended === undefined) read();
  }

  #answered(method: string, act: () => void, signal: AbortSignal): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#endCause);
    const { toBroker, toClient } = this.#channelLine;
    const ask = ({ answer, refuse }: Asked<void>): void => {
      this.#whenEnded.push(() => refuse(this.#endCause));
      toBroker(0, method, () => {
        act();
        toClient(0, `${method}-ok`, answer);
      });
    };
    const timedOut = (): DriverError =>
      new DriverError('connection', 'timed out without an answer', { isUnanswered: true, cause: signal.reason });
    return answered(signal, ask, timedOut);
  }

  #end(cause: DriverError): void {
    if (this.#ended !== undefined) return;
    this.#ended = { cause: this.#isClosing ? undefined : cause };
    for (const channel of [...this.#channels.values()]) channel.linkEnded(this.#ended.cause);
    for (const tell of this.#whenEnded.splice(0)) tell();
    if (this.#onClosed !== undefined) this.#tellClosed();
  }

  #tellClosed(): void {
    queueMicrotask(() => this.#onClosed?.(this.#ended?.cause));
  }
}
