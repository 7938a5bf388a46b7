import {
  amqplibDriver,
  type ChannelListeners,
  type DriverChannel,
  DriverError,
  type DriverLink,
} from '@surehop/core/internal';
import { outgoing, storedMessage } from './amqp-message.ts';
import type { Credentials } from './credentials.ts';
import { BrokerError } from './errors.ts';
import { eventually } from './eventually.ts';
import type { StoredMessage } from './vhost.ts';

export interface AmqpAccessOptions {
  readonly host: string;
  readonly port: number;
  readonly vhost: string;
  readonly credentials: Credentials;
}

/** For one call, in milliseconds. A long one, since `get` may have to fetch many messages. */
const timeoutMs = 60_000;

/** How long is waited for a queue to have what was given back, in milliseconds. */
const backWithinMs = 500;

const nothing = (): void => {};
const silent: ChannelListeners = {
  onConfirm: nothing,
  onReturn: nothing,
  onDelivery: nothing,
  onCancel: nothing,
  onClosed: nothing,
};

/**
 * What a test asks of a virtual host over AMQP itself. Each call connects for itself, so that no connection of ours is
 * among those that a test cuts or counts.
 */
export class AmqpAccess {
  readonly #options: AmqpAccessOptions;

  constructor(options: AmqpAccessOptions) {
    this.#options = options;
  }

  /** RabbitMQ's, as it greets. @throws {BrokerError} it cannot be connected to */
  version(): Promise<string> {
    return this.#onLink('Connecting', async (link) => link.serverVersion);
  }

  /** @throws {BrokerError} it cannot be connected to with this login. Whether in this virtual host does not matter */
  async checkLogin(): Promise<void> {
    try {
      await this.version();
    } catch (error) {
      if (!(error instanceof BrokerError && isVhostRefusal(error.cause))) throw error;
    }
  }

  /** Resolves to whether a queue took it. @throws {BrokerError} the broker refused it, or there is no such exchange */
  publish(
    exchange: string,
    routingKey: string,
    payload: string | Uint8Array,
    properties: Readonly<Record<string, unknown>>,
  ): Promise<boolean> {
    const message = outgoing(exchange, routingKey, payload, properties);
    return this.#onLink(
      `Publishing to exchange "${exchange}"`,
      (link, signal) =>
        new Promise((resolve, reject) => {
          let routed = true;
          const listeners: ChannelListeners = {
            ...silent,
            onReturn: () => {
              routed = false;
            },
            onConfirm: (_sequence, _multiple, stored) => {
              if (stored) resolve(routed);
              else reject(new BrokerError('a queue refused it'));
            },
            onClosed: reject,
          };
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          link
            .openChannel(listeners, signal)
            .then((channel) => channel.publish(message))
            .catch(reject);
        }),
    );
  }

  /** The messages that are ready, which go back as they were. @param count at most so many are told */
  get(queue: string, count: number): Promise<StoredMessage[]> {
    return this.#onChannel(`Reading queue "${queue}"`, async (channel, signal) => {
      const found: StoredMessage[] = [];
      const tags: number[] = [];
      // Always all of them: of a quorum queue, those that were taken go back behind those that were not.
      for (;;) {
        const message = await channel.get(queue, signal);
        if (message === undefined) break;
        tags.push(message.deliveryTag);
        if (found.length < count) found.push(storedMessage(message));
      }
      // Not `reject`, which since 4.3 would count as a failed delivery.
      for (const tag of tags) channel.nack(tag, true);
      await untilReady(channel, queue, tags.length, signal);
      return found;
    });
  }

  /** Resolves once so many messages that were given back are ready, or after half a second, as where somebody consumes them. */
  whenBack(queue: string, count: number): Promise<void> {
    return this.#onChannel(`Counting queue "${queue}"`, (channel, signal) => untilReady(channel, queue, count, signal));
  }

  /** How many messages are ready, at this moment. @throws {BrokerError} there is no such queue */
  ready(queue: string): Promise<number> {
    return this.#onChannel(`Counting queue "${queue}"`, (channel, signal) => channel.checkQueue(queue, signal));
  }

  deleteQueue(name: string): Promise<void> {
    return this.#onChannel(`Deleting queue "${name}"`, (channel, signal) => channel.deleteQueue(name, signal));
  }

  deleteExchange(name: string): Promise<void> {
    return this.#onChannel(`Deleting exchange "${name}"`, (channel, signal) => channel.deleteExchange(name, signal));
  }

  /** What is not there is passed over. @throws {BrokerError} what could not be deleted; the rest is */
  async deleteAll(queues: readonly string[], exchanges: readonly string[]): Promise<void> {
    await this.#onLink('Deleting', async (link, signal) => {
      const failures: string[] = [];
      const attempt = (what: string, use: ChannelUse<void>): Promise<void> =>
        withChannel(link, signal, use).catch((error: Error) => {
          failures.push(`${what}: ${error.message}`);
        });
      for (const name of queues) await attempt(`queue "${name}"`, (channel) => channel.deleteQueue(name, signal));
      for (const name of exchanges) {
        await attempt(`exchange "${name}"`, (channel) => channel.deleteExchange(name, signal));
      }
      if (failures.length > 0) throw new BrokerError(failures.join('; '));
    });
  }

  #onChannel<T>(what: string, use: ChannelUse<T>): Promise<T> {
    return this.#onLink(what, (link, signal) => withChannel(link, signal, use));
  }

  async #onLink<T>(what: string, use: (link: DriverLink, signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const link = await this.#dial(signal);
      try {
        return await use(link, signal);
      } finally {
        await link.close(signal);
      }
    } catch (cause) {
      throw this.#failure(what, cause);
    }
  }

  #dial(signal: AbortSignal): Promise<DriverLink> {
    const { host, port, vhost, credentials } = this.#options;
    const target = {
      host,
      port,
      vhost,
      login: credentials,
      tls: undefined,
      heartbeatSeconds: 10,
      frameMaxBytes: 131_072,
      clientProperties: { connection_name: '@surehop/testing' },
    };
    return amqplibDriver().dial(target, AbortSignal.any([signal, AbortSignal.timeout(10_000)]));
  }

  #failure(what: string, cause: unknown): BrokerError {
    const { host, port, vhost } = this.#options;
    const message = cause instanceof Error ? cause.message : String(cause);
    const reason = isVhostRefusal(cause) ? 'the broker has no such virtual host, or not for this user' : message;
    return new BrokerError(`${what} in virtual host "${vhost}" of ${host}:${port} failed: ${reason}`, { cause });
  }
}

/** The broker answers connection.open with a close, of which amqplib keeps no more than this. */
function isVhostRefusal(cause: unknown): boolean {
  return cause instanceof DriverError && /ConnectionOpenOk/.test(cause.message);
}

type ChannelUse<T> = (channel: DriverChannel, signal: AbortSignal) => Promise<T>;

async function withChannel<T>(link: DriverLink, signal: AbortSignal, use: ChannelUse<T>): Promise<T> {
  const channel = await link.openChannel(silent, signal);
  const result = await use(channel, signal);
  await channel.close(signal); // answered after everything that was sent before it has been done
  return result;
}

/** A quorum queue has what was given back a moment later: who looks next is to find it. */
async function untilReady(channel: DriverChannel, queue: string, count: number, signal: AbortSignal): Promise<void> {
  const areThere = async (): Promise<void> => {
    if ((await channel.checkQueue(queue, signal)) < count) throw new Error('they are not back');
  };
  await eventually(areThere, backWithinMs).catch(() => undefined);
}
