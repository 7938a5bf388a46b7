import { StreamOffsetGoneError, TopologyMismatchError } from '@surehop/core';
import {
  type ChannelListeners,
  type DriverChannel,
  DriverError,
  type IncomingMessage,
  type LinkSession,
  limited,
  type RabbitInternals,
} from '@surehop/core/internal';
import { Condition } from '../condition.ts';
import { type Begin, consumerArguments, firstDelivery, offsetOf } from './begin.ts';
import { firstOffset, newestOffsets } from './stream-ends.ts';

/** One message of a stream, as it came through a channel. */
export interface Entry {
  readonly message: IncomingMessage;
  readonly offset: number;
  /** Lets the broker send more, where the channel lives. All before it are done with too. */
  done(): void;
}

export interface StreamSubscriptionOptions {
  readonly internals: RabbitInternals;
  readonly stream: string;
  readonly begin: Begin;
  readonly tag: string;
  readonly prefetch: number;
  readonly onEntry: (entry: Entry) => void;
}

/**
 * One channel with one consumer of a stream, on one generation of the link. Reading takes nothing away from a stream, and
 * an acknowledgement only asks for more: nothing depends on one that is lost.
 */
export class StreamSubscription {
  readonly #options: StreamSubscriptionOptions;
  readonly #condition = new Condition();
  readonly #over = new AbortController();
  #channel: DriverChannel | undefined;
  /** Before the first delivery that counts, what came says whether the place to begin at is there. */
  #standing: 'unknown' | 'proven' | { readonly gone: number } = 'unknown';
  #cause: Error | undefined;
  #isNoStream = false;
  #delivered = 0;
  #acknowledged = 0;

  constructor(options: StreamSubscriptionOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the broker hands out messages, and it is certain that none is missing at the beginning.
   *
   * @throws {StreamOffsetGoneError} what was to be read next is not there
   * @throws {DriverError} it could not be opened, or was lost. Nothing is left open after either
   */
  async open(session: LinkSession): Promise<void> {
    const { internals, stream, begin, tag, prefetch } = this.#options;
    try {
      if (begin.at === 'offset') await this.#assertFrom(begin.offset, session);
      this.#channel = await session.openChannel(this.#listeners(), this.#deadline());
      await this.#channel.prefetch(prefetch, this.#deadline());
      await this.#channel.consume(stream, tag, this.#deadline(), consumerArguments(begin));
      if (begin.at === 'after') await this.#prove(begin.offset, session);
    } catch (thrown) {
      // Other types of queue refuse the argument.
      this.#isNoStream ||= thrown instanceof DriverError && /'x-stream-offset'/.test(thrown.message);
      const cause = this.#isNoStream ? notAStream(stream) : (thrown as Error);
      this.#end(cause);
      this.#channel?.close(this.#deadline()).catch(() => undefined);
      throw cause;
    }
    // The driver tells each channel too; a link that was given up may not live to do so.
    const onLost = (): void => this.#end(session.lost.reason as Error);
    if (session.lost.aborted) onLost();
    else session.lost.addEventListener('abort', onLost, { once: true, signal: this.#over.signal });
    internals.log.debug({ stream, host: session.host, generation: session.generation }, 'reading a stream');
  }

  /** Whether what was delivered came from another type of queue. */
  get isNoStream(): boolean {
    return this.#isNoStream;
  }

  /** Resolves with why it hands out nothing more. */
  async ended(): Promise<Error> {
    await this.#condition.until(() => this.#cause !== undefined);
    return this.#cause as Error;
  }

  async close(signal: AbortSignal): Promise<void> {
    this.#end(new Error('closed'));
    await this.#channel?.close(signal);
  }

  #listeners(): ChannelListeners {
    return {
      onConfirm: () => undefined,
      onReturn: () => undefined,
      onDelivery: (message) => this.#onDelivery(message),
      onCancel: () => {
        this.#end(new DriverError('channel', 'the broker cancelled the reader: the stream may be deleted'));
        this.#channel?.close(this.#deadline()).catch(() => undefined);
      },
      onClosed: (cause) => this.#end(cause ?? new Error('closed')),
    };
  }

  #onDelivery(message: IncomingMessage): void {
    if (this.#cause !== undefined || typeof this.#standing === 'object') return;
    const { begin, stream, onEntry } = this.#options;
    const offset = offsetOf(message.headers);
    if (offset === undefined) {
      this.#isNoStream = true;
      this.#end(notAStream(stream));
      return;
    }
    const { deliveryTag } = message;
    this.#delivered = deliveryTag;
    const entry = { message, offset, done: () => this.#done(deliveryTag) };
    if (this.#standing === 'proven') {
      onEntry(entry);
      return;
    }
    const first = firstDelivery(begin, offset);
    if (first === 'gone') this.#standing = { gone: offset };
    else if (first !== 'skip') this.#standing = 'proven';
    if (first === 'take') onEntry(entry);
    else entry.done();
    this.#condition.changed();
  }

  #done(tag: number): void {
    const { prefetch } = this.#options;
    if (this.#cause !== undefined || tag <= this.#acknowledged) return;
    // Some at once, and the last one soon: brokers up to 4.2 close a channel that keeps one for half an hour.
    if (tag < this.#delivered && tag - this.#acknowledged < prefetch / 4) return;
    this.#acknowledged = tag;
    this.#channel?.ack(tag, true);
  }

  /**
   * An offset that somebody asked for: of one that is gone the broker would begin with the first one there is, and of one
   * that is far away it would drop everything before; it says neither.
   */
  async #assertFrom(offset: number, session: LinkSession): Promise<void> {
    const { internals, stream } = this.#options;
    const first = await firstOffset(internals, stream, session);
    if (offset === (first ?? 0)) return;
    const last =
      first === undefined ? undefined : Math.max(first, ...(await newestOffsets(internals, stream, session)));
    const isThere = first !== undefined && last !== undefined && first < offset && offset <= last + 1;
    if (!isThere) throw new StreamOffsetGoneError(stream, offset, first, last);
  }

  async #prove(offset: number, session: LinkSession): Promise<void> {
    const { internals, stream } = this.#options;
    const isKnown = (): boolean => this.#standing !== 'unknown' || this.#cause !== undefined;
    // A disk that has to be woken up is slow, and not empty.
    const { signal, clear } = limited(internals.effects.clock, internals.options.rpcTimeoutMs, session.lost);
    await this.#condition.until(isKnown, signal).catch(() => session.lost.throwIfAborted());
    clear();
    if (!isKnown()) {
      // It waits for an offset that is still to come, so that the stream is not the one it was; unless it is only slow.
      const first = await firstOffset(internals, stream, session);
      if (!isKnown()) throw new StreamOffsetGoneError(stream, offset + 1, first);
    }
    if (this.#cause !== undefined) throw this.#cause;
    if (typeof this.#standing === 'object') throw new StreamOffsetGoneError(stream, offset + 1, this.#standing.gone);
  }

  #end(cause: Error): void {
    this.#cause ??= cause;
    this.#over.abort();
    this.#condition.changed();
  }

  #deadline(): AbortSignal {
    const { effects, options } = this.#options.internals;
    return effects.clock.deadline(options.rpcTimeoutMs);
  }
}

function notAStream(stream: string): TopologyMismatchError {
  const difference = { argument: 'x-queue-type', wanted: 'stream', found: 'another type' };
  return new TopologyMismatchError(`queue "${stream}"`, difference, { cause: undefined });
}
