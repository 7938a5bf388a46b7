import { Duplex } from 'node:stream';

/** What the fast path uses of amqplib's connection, which its types do not show. */
export interface AmqplibInside {
  readonly stream: Duplex;
  /** In bytes. */
  readonly frameMax: number;
  /** Of incoming frames, in bytes; 0 is no limit. */
  readonly maxFrameSize: number;
  /** Bytes that came and are no whole frame yet. */
  rest: Buffer;
  /** Whether a heartbeat is needed. */
  sentSinceLastCheck: boolean;
  /** Whether the broker lives. */
  recvSinceLastCheck: boolean;
  /** By channel number; what is written to a channel goes to its `buffer`. */
  readonly channels: ({ buffer: FrameSink } | null | undefined)[];
  /** Gives a new channel its number and its place in `channels`. */
  freshChannel(channel: unknown, options: unknown): number;
  readonly sendMessage: unknown;
  /** The next frame, decoded; false when there is none yet. */
  recvFrame(): object | false;
  /** What frames are given to; another function once the connection is closing. */
  accept(frame: object): unknown;
}

/** Where amqplib writes the frames of one channel. */
export interface FrameSink {
  /** True when more may be written at once. */
  write(frame: Uint8Array): boolean;
  end(): void;
}

/**
 * Looks whether a connection is the one that the fast path knows (amqplib 2.3.1). Nothing is called or changed.
 *
 * @returns the connection, or what is not as it should be
 */
export function insideOf(connection: object): AmqplibInside | string {
  const found = connection as Record<string, unknown>;
  for (const [name, parameters] of Object.entries(methods)) {
    const method = found[name];
    if (typeof method !== 'function' || method.length !== parameters) return name;
  }
  const { stream, frameMax, maxFrameSize, rest, channels } = found;
  if (!(stream instanceof Duplex)) return 'stream';
  if (typeof frameMax !== 'number' || frameMax < smallestFrameMax) return 'frameMax';
  if (typeof maxFrameSize !== 'number') return 'maxFrameSize';
  if (!Buffer.isBuffer(rest)) return 'rest';
  if (typeof found.sentSinceLastCheck !== 'boolean') return 'sentSinceLastCheck';
  if (typeof found.recvSinceLastCheck !== 'boolean') return 'recvSinceLastCheck';
  if (!Array.isArray(channels) || channels.length !== 1 || channels[0]?.buffer !== stream) return 'channels';
  return connection as AmqplibInside;
}

/** By how many parameters they take. */
const methods: Readonly<Record<string, number>> = {
  freshChannel: 2,
  releaseChannel: 1,
  sendMethod: 3,
  sendMessage: 6,
  sendContent: 2,
  recvFrame: 0,
  accept: 1,
};

/** The protocol's. */
const smallestFrameMax = 4_096;
