import { eventually, type Vhost } from '@surehop/testing';
import { type ConsumeMessage, connect } from 'amqplib';

const emptyWithinMs = 60_000;

/**
 * Takes everything that is in a queue, for good: looking only would count towards the delivery limit.
 *
 * @returns how many messages the broker counts there and does not give
 */
export async function takeAll(vhost: Vhost, queue: string, take: (message: ConsumeMessage) => void): Promise<number> {
  const connection = await connect(vhost.url());
  connection.on('error', () => undefined); // what is under way rejects
  try {
    const channel = await connection.createChannel();
    const { consumerTag } = await channel.consume(queue, (message) => message !== null && take(message), {
      noAck: true,
    });
    let left = 0;
    const isEmpty = async (): Promise<void> => {
      left = await vhost.messages(queue);
      if (left > 0) throw new Error(`${left} messages are left in ${queue}`);
    };
    await eventually(isEmpty, emptyWithinMs).catch(() => undefined);
    await channel.cancel(consumerTag); // answered after the last delivery
    return left;
  } finally {
    await connection.close();
  }
}
