import type { Readable, Writable } from 'node:stream';
import { type ChannelModel, connect, credentials, type Options } from 'amqplib';
import { AmqplibChannel } from './amqplib-channel.ts';
import type { ChannelListeners, DialTarget, Driver, DriverChannel, DriverLink } from './driver.ts';
import { DriverError, driverError } from './driver.ts';
import { type Clock, settled, systemEffects } from './effects.ts';
import type { Logger } from './logger.ts';
import { insideOf } from './wire/amqplib-inside.ts';
import { WireConnection } from './wire/wire-connection.ts';
import { gathering } from './write-gathering.ts';

export interface AmqplibDriverOptions {
  /** @default the machine's */
  readonly clock?: Clock;
  /** Told, once, when this amqplib is not the one that the fast path knows. */
  readonly log?: Pick<Logger, 'warn'>;
  /** `amqplib` leaves all reading and writing to it, `fast` only what it must. @default 'fast' */
  readonly wire?: 'fast' | 'amqplib';
}

/** The driver over amqplib 2. Only this file and `amqplib-channel.ts` know it. */
export function amqplibDriver({ clock = systemEffects.clock, log, wire = 'fast' }: AmqplibDriverOptions = {}): Driver {
  let isToldOnce = false;
  /** Undefined where amqplib writes all by itself. */
  const takeOver = (connection: object): WireConnection | undefined => {
    if (wire === 'amqplib') return undefined;
    const inside = insideOf(connection);
    if (typeof inside !== 'string') return new WireConnection(inside, clock);
    if (!isToldOnce)
      log?.warn({ missing: inside }, 'amqplib is not as the fast path knows it: amqplib reads and writes');
    isToldOnce = true;
    return undefined;
  };
  return {
    async dial(target, signal) {
      // Destroys the socket, during the handshake and after: amqplib itself only ends it.
      const socket = new AbortController();
      const onAbort = (): void => socket.abort(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        const model = await settled(connect(connectUrl(target), socketOptions(target, socket.signal)), signal);
        return new AmqplibLink(model, socket, clock, takeOver(model.connection));
      } catch (thrown) {
        socket.abort();
        throw driverError('socket', thrown, signal);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

class AmqplibLink implements DriverLink {
  readonly serverVersion: string;
  readonly frameMax: number;
  readonly #model: ChannelModel;
  readonly #socket: AbortController;
  readonly #gather: () => void;
  readonly #wire: WireConnection | undefined;
  readonly #channels = new Set<AmqplibChannel>();
  #error: Error | undefined;
  #closing = false;
  /** Set once, when the link has ended; `undefined` inside when we asked for it. */
  #ended: { readonly cause: DriverError | undefined } | undefined;
  #onClosed: ((cause: DriverError | undefined) => void) | undefined;

  constructor(model: ChannelModel, socket: AbortController, clock: Clock, wire: WireConnection | undefined) {
    this.#model = model;
    this.#socket = socket;
    const inner = model.connection as { serverProperties: { version?: unknown }; frameMax?: number; stream?: Writable };
    this.serverVersion = String(inner.serverProperties.version ?? 'unknown');
    this.frameMax = inner.frameMax ?? 4_096;
    this.#wire = wire;
    this.#gather = wire === undefined ? gathering(inner.stream, clock) : () => undefined;
    model.on('error', (error) => {
      this.#error ??= error;
      // After a frame that it does not expect, amqplib begins a closing handshake, during which every send throws. What
      // has ended by the end of this turn has told `close`; anything else is ended here.
      queueMicrotask(() => this.#end(error));
    });
    // The authority is `close`: an operator's close comes without an `error`.
    model.on('close', (error) => this.#end(error));
  }

  async openChannel(listeners: ChannelListeners, signal: AbortSignal): Promise<DriverChannel> {
    const opening = this.#model.createConfirmChannel();
    try {
      const opened = await settled(opening, signal);
      // Its end may have come in one piece with the answer, before anybody could listen.
      if (this.#ended !== undefined) throw this.#ended.cause ?? new DriverError('socket', 'the connection is closed');
      const wire = this.#wire?.channel(opened);
      const channel: AmqplibChannel = new AmqplibChannel(opened, this.#gather, wire, {
        ...listeners,
        onClosed: (cause) => {
          this.#channels.delete(channel);
          listeners.onClosed(cause);
        },
      });
      this.#channels.add(channel);
      return channel;
    } catch (thrown) {
      // One that opens after all must not stay open behind our back.
      opening.then((late) => late.close()).catch(() => undefined);
      throw this.#ended?.cause ?? driverError('channel', thrown, signal);
    }
  }

  onBlocked(listener: (reason: string) => void): void {
    this.#model.on('blocked', listener);
  }

  onUnblocked(listener: () => void): void {
    this.#model.on('unblocked', listener);
  }

  onClosed(listener: (cause: DriverError | undefined) => void): void {
    this.#onClosed = listener;
    if (this.#ended !== undefined) this.#tellClosed();
  }

  async updateSecret(secret: string, signal: AbortSignal): Promise<void> {
    const updating = this.#model.updateSecret(Buffer.from(secret), 'renewed');
    await settled(updating, signal).catch((thrown: unknown) =>
      Promise.reject(driverError('connection', thrown, signal)),
    );
  }

  async close(signal: AbortSignal): Promise<void> {
    this.#closing = true;
    // amqplib's closing handshake would overtake what has not left.
    this.#wire?.flush();
    // Never settles when the socket dies first.
    const gone = new Promise((resolve) => this.#model.once('close', resolve));
    await settled(Promise.race([this.#model.close(), gone]), signal).catch(() => undefined);
    this.destroy();
  }

  destroy(cause?: DriverError): void {
    this.#error ??= cause;
    this.#socket.abort();
    // amqplib tells `close` from the socket's end, if it still listens to it.
    this.#end(cause);
  }

  #end(error: Error | undefined): void {
    if (this.#ended !== undefined) return;
    const reason = error ?? this.#error;
    const byBroker = reason !== undefined && 'code' in reason && typeof reason.code === 'number';
    const cause = reason instanceof DriverError ? reason : driverError(byBroker ? 'connection' : 'socket', reason);
    this.#ended = { cause: this.#closing ? undefined : cause };
    for (const channel of [...this.#channels]) channel.linkEnded(this.#ended.cause);
    // After a heartbeat timeout amqplib leaves a half-open socket behind.
    this.#socket.abort();
    if (this.#onClosed !== undefined) this.#tellClosed();
  }

  #tellClosed(): void {
    queueMicrotask(() => this.#onClosed?.(this.#ended?.cause));
  }
}

function connectUrl(target: DialTarget): Options.Connect {
  return {
    protocol: target.tls === undefined ? 'amqp' : 'amqps',
    hostname: target.host,
    port: target.port,
    vhost: encodeURIComponent(target.vhost), // amqplib unescapes it
    heartbeat: target.heartbeatSeconds,
    frameMax: target.frameMaxBytes,
  };
}

function socketOptions(target: DialTarget, signal: AbortSignal): NonNullable<Parameters<typeof connect>[1]> {
  const { login, tls } = target;
  return {
    ...(tls as object),
    noDelay: true,
    keepAlive: true,
    clientProperties: { ...target.clientProperties },
    credentials: login === 'external' ? credentials.external() : credentials.plain(login.username, login.password),
    // Not in amqplib's types; it passes everything on to `net.connect` and `tls.connect`.
    ...{ signal, onread: intoOneBuffer() },
  };
}

/** As much as Node reads at once, in bytes. */
const readBytes = 65_536;

/** A socket with a buffer of its own stops reading when it is paused; another one goes on, and keeps what comes. */
function intoOneBuffer(): object {
  return {
    buffer: Buffer.allocUnsafeSlow(readBytes),
    callback(this: Readable, bytes: number, buffer: Uint8Array): boolean {
      return this.push(Buffer.from(buffer.subarray(0, bytes)));
    },
  };
}
