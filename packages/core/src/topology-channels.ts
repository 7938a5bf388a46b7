import type { ChannelListeners, DriverChannel } from './driver.ts';
import type { Cancel, Clock } from './effects.ts';
import type { Link } from './link.ts';

export interface TopologyChannelsOptions {
  /** The consuming link: while an alarm lasts, a channel on the publishing one cannot be opened. */
  readonly link: Link;
  readonly clock: Clock;
  readonly rpcTimeoutMs: number;
}

interface Idle {
  readonly channel: DriverChannel;
  readonly generation: number;
}

/** Channels without work are closed after so long, in milliseconds. */
const idleForMs = 1_000;

const silent: ChannelListeners = {
  onConfirm: () => undefined,
  onReturn: () => undefined,
  onDelivery: () => undefined,
  onCancel: () => undefined,
  onClosed: () => undefined,
};

/**
 * Channels for one request at a time: a failed one closes its channel, and one that is not answered blocks it. Opened
 * when none is free, so that no request waits for another.
 */
export class TopologyChannels {
  readonly #options: TopologyChannelsOptions;
  readonly #stop = new AbortController();
  #idle: Idle[] = [];
  #cancelClosing: Cancel | undefined;

  constructor(options: TopologyChannelsOptions) {
    this.#options = options;
  }

  /** Calls with a channel that nobody else uses. Its deadlines are the caller's task. */
  async use<T>(call: (channel: DriverChannel) => Promise<T>): Promise<T> {
    const { link, clock, rpcTimeoutMs } = this.#options;
    const session = await link.whenOpen(this.#stop.signal);
    const { generation } = session;
    const channel = this.#free(generation) ?? (await session.openChannel(silent, clock.deadline(rpcTimeoutMs)));
    try {
      return await call(channel);
    } finally {
      if (channel.isOpen) this.#release({ channel, generation });
    }
  }

  /** Those in use end with the link. */
  async close(signal: AbortSignal): Promise<void> {
    this.#stop.abort();
    await this.#closeIdle(signal);
  }

  #free(generation: number): DriverChannel | undefined {
    this.#idle = this.#idle.filter((idle) => idle.channel.isOpen && idle.generation === generation);
    return this.#idle.pop()?.channel;
  }

  #release(idle: Idle): void {
    const { clock, rpcTimeoutMs } = this.#options;
    this.#idle.push(idle);
    this.#cancelClosing?.();
    if (this.#stop.signal.aborted) return;
    this.#cancelClosing = clock.setTimeout(() => void this.#closeIdle(clock.deadline(rpcTimeoutMs)), idleForMs);
  }

  async #closeIdle(signal: AbortSignal): Promise<void> {
    this.#cancelClosing?.();
    await Promise.all(this.#idle.splice(0).map(({ channel }) => channel.close(signal)));
  }
}
