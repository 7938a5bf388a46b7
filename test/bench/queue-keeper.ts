import { eventually } from '@surehop/testing';
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import type { Claim } from './assignment.ts';

/** Publishes on their way at once while a backlog is filled. */
const batch = 10_000;
/** Brokers may tell a quorum queue's length a little late. */
const longestLagMs = 8_000;

/** Fills, counts and empties queues, on a connection of its own, while no client is measured. */
export class QueueKeeper implements AsyncDisposable {
  readonly #connection: ChannelModel;

  private constructor(connection: ChannelModel) {
    this.#connection = connection;
  }

  static async open(url: string): Promise<QueueKeeper> {
    const connection = await connect(url);
    connection.on('error', () => undefined); // whatever is asked next rejects
    return new QueueKeeper(connection);
  }

  /** Tops the queue up. The first four bytes of each body are the message's number, on from what is there. */
  async fill(queue: string, upTo: number, bodyBytes: number): Promise<void> {
    await using channel = await this.#open();
    const body = Buffer.alloc(bodyBytes, 'surehop ');
    const { messageCount } = await channel.checkQueue(queue);
    for (let number = messageCount; number < upTo; number += 1) {
      body.writeUInt32BE(number);
      channel.sendToQueue(queue, body, { persistent: true });
      if (number % batch === 0) await channel.waitForConfirms();
    }
    await channel.waitForConfirms();
  }

  /** @throws {Error} the queue does not hold what the client's figures mean that it holds */
  async verify({ queue, atLeast, atMost }: Claim): Promise<void> {
    await using channel = await this.#open();
    const wanted = atLeast === atMost ? `${atLeast}` : `${atLeast} to ${atMost}`;
    await eventually(async () => {
      const { messageCount } = await channel.checkQueue(queue);
      if (messageCount >= atLeast && messageCount <= atMost) return;
      throw new Error(`${queue} holds ${messageCount} messages, and by what the client was told ${wanted}`);
    }, longestLagMs);
  }

  /** Nothing happens when there is no such queue. */
  async empty(queue: string): Promise<void> {
    await using channel = await this.#open();
    await channel.purgeQueue(queue).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }

  async #open(): Promise<ConfirmChannel & AsyncDisposable> {
    const channel = await this.#connection.createConfirmChannel();
    channel.on('error', () => undefined); // a queue that is not there closes the channel
    const close = (): Promise<void> => channel.close().catch(() => undefined);
    return Object.assign(channel, { [Symbol.asyncDispose]: close });
  }
}
