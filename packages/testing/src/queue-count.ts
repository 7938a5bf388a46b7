import { BrokerError } from './errors.ts';

export interface QueueCount {
  readonly name: string;
  readonly type: string;
  readonly messages: number;
}

/**
 * How many messages a queue holds, not earlier than now.
 *
 * @param list asks for the counts of a virtual host; those of quorum queues may be late
 * @param lagMs how late, in milliseconds
 * @throws {BrokerError} there is no such queue
 */
export async function exactCount(
  queue: string,
  list: () => Promise<readonly QueueCount[]>,
  lagMs: number,
): Promise<number> {
  const look = async (): Promise<QueueCount> => {
    const count = (await list()).find(({ name }) => name === queue);
    if (count === undefined) throw new BrokerError(`There is no queue "${queue}".`);
    return count;
  };
  const count = await look();
  if (count.type !== 'quorum') return count.messages;
  // What a quorum queue says it holds is what it held at its last tick: after one more, it is no older than our call.
  await new Promise((resolve) => setTimeout(resolve, lagMs));
  return (await look()).messages;
}
