import type { Line } from './line.ts';
import type { ProtocolError } from './protocol-error.ts';
import { type ChannelPeer, ServerChannel, type ServerChannelOptions } from './server-channel.ts';

export interface ConnectionPeer {
  blocked(reason: string): void;
  unblocked(): void;
  closed(error: ProtocolError): void;
}

export interface ServerConnectionOptions extends Pick<ServerChannelOptions, 'vhost' | 'release' | 'time' | 'writeMs'> {
  readonly line: Line;
  readonly peer: ConnectionPeer;
  /** Why publishers have to wait, while they have to. */
  readonly alarm: () => string | undefined;
  readonly onEnded: () => void;
}

interface Frame {
  readonly channel: number;
  /** Given undefined once the channel is closed: what comes for it then is not heard. */
  readonly read: (channel: ServerChannel | undefined) => void;
}

/** The broker's side of a connection. */
export class ServerConnection {
  readonly #options: ServerConnectionOptions;
  readonly #channels = new Map<number, ServerChannel>();
  /** While it is blocked, nothing is read. */
  #unread: Frame[] = [];
  #isBlocked = false;
  #isOver = false;

  constructor(options: ServerConnectionOptions) {
    this.#options = options;
  }

  get line(): Line {
    return this.#options.line;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** A frame has come. During an alarm, the body of the first publish is not read any more, nor what comes after it. */
  receive(channel: number, read: Frame['read'], isPublish: boolean): void {
    const { time } = this.#options;
    if (time.isFrozen) time.run(() => this.#take({ channel, read }, isPublish));
    else this.#take({ channel, read }, isPublish);
  }

  openChannel(number: number, peer: ChannelPeer): void {
    const { vhost, release, time, writeMs } = this.#options;
    const channel = new ServerChannel({
      vhost,
      release,
      time,
      writeMs,
      number,
      peer: {
        ...peer,
        closed: (error) => (error.closes === 'connection' ? this.close(error) : peer.closed(error)),
      },
      onClosed: () => this.#channels.delete(number),
    });
    this.#channels.set(number, channel);
  }

  /** The alarm is over. */
  unblock(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    this.#options.peer.unblocked();
    const unread = this.#unread;
    this.#unread = [];
    for (const { channel, read } of unread) this.receive(channel, read, false);
  }

  /** Tells the client why, and ends it. */
  close(error: ProtocolError): void {
    if (this.#isOver) return;
    this.#options.peer.closed(error);
    this.end();
    this.line.endFrom('broker');
  }

  /** The broker has lost its power: nothing of it is left, and what it held is with the queues. */
  abandon(): void {
    this.#isOver = true;
    this.#unread = [];
    this.#channels.clear();
  }

  /** The client is gone: what it held goes back. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unread = [];
    for (const channel of [...this.#channels.values()]) channel.end();
    this.#options.onEnded();
  }

  #take(frame: Frame, isPublish: boolean): void {
    if (this.#isOver) return;
    if (isPublish) this.#blockInAlarm();
    if (this.#isBlocked) this.#unread.push(frame);
    else frame.read(this.#channels.get(frame.channel));
  }

  #blockInAlarm(): void {
    const reason = this.#options.alarm();
    if (reason === undefined || this.#isBlocked) return;
    this.#isBlocked = true;
    this.#options.peer.blocked(reason);
  }
}
